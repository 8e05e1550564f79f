/* HMD_NN_DSP: the kernels in assembly replace those in C. For Cortex-M with the DSP extension; Arm's
   application cores have its instructions too, but may run in another instruction set. */
#ifndef HMD_NN_DSP_H_
#define HMD_NN_DSP_H_

#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#define HMD_NN_DSP
#endif

#endif
