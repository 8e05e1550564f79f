/* int8 values to columns (expand.h): Cortex-M with the DSP extension. */
#include "target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

@ void hmd_expand(const int8_t *values, uint32_t count, int zero_point, int shift, int16_t *v)
    .section .text.hmd_expand, "ax", %progbits
    .global hmd_expand
    .type   hmd_expand, %function
    .balign 4
hmd_expand:
    push    {r4, r5, r6, lr}
    ldr     r12, [sp, #16]
    movs    r4, #1
    lsl     r3, r4, r3
    pkhbt   r2, r2, r2, lsl #16
    subs    r1, #4
    blo     2f
1:  ldr     r4, [r0], #4
    sxtb16  r5, r4
    sxtb16  r4, r4, ror #8
    ssub16  r5, r5, r2             @ values 0 and 2
    ssub16  r4, r4, r2             @ values 1 and 3
    smulbb  r6, r5, r3
    strh    r6, [r12], #8
    smulbb  r6, r4, r3
    strh    r6, [r12, #-6]
    smultb  r6, r5, r3
    strh    r6, [r12, #-4]
    smultb  r6, r4, r3
    strh    r6, [r12, #-2]
    subs    r1, #4
    bhs     1b
2:  adds    r1, #4
    beq     4f
3:  ldrsb   r4, [r0], #1
    subs    r4, r4, r2
    smulbb  r4, r4, r3
    strh    r4, [r12], #2
    subs    r1, #1
    bne     3b
4:  pop     {r4, r5, r6, pc}

    .size   hmd_expand, . - hmd_expand
#endif
