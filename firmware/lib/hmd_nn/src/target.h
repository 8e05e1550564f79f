/* Which kernels this compilation has, exactly one of these; a build may define the last one itself:
   HMD_NN_MVE       Cortex-M with MVE, Helium (intrinsics)
   HMD_NN_DSP       Cortex-M with the DSP extension (assembly); Arm's application cores have its
                    instructions too, but may run in another instruction set
   HMD_NN_PORTABLE  anything else */
#ifndef HMD_NN_TARGET_H_
#define HMD_NN_TARGET_H_

#if !defined(HMD_NN_PORTABLE)
#if defined(__ARM_FEATURE_MVE)
#define HMD_NN_MVE
#elif defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#define HMD_NN_DSP
#else
#define HMD_NN_PORTABLE
#endif
#endif

#endif
