/* Four rows of a row-major int8 matrix times an int8 vector (dot.h): Cortex-M with the DSP extension.

   Single loads stand in one run, as far as there are registers: each but the first takes one cycle. */
#include "target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

rows    .req r0
x       .req r1
columns .req r2
thrice  .req r3  @ columns
odd     .req r4  @ values 1 and 3 of a word of x
even    .req r8  @ values 0 and 2
part    .req r9
sum0    .req r10
sum1    .req r11
sum2    .req r12
sum3    .req lr

@ Add a word of a row to its sum.
    .macro add_word sum, word
    sxtb16  part, \word
    sxtb16  \word, \word, ror #8
    smlad   \sum, part, even, \sum
    smlad   \sum, \word, odd, \sum
    .endm

@ Four columns of four rows. Flags: whether x has reached the end, if asked for.
    .macro four_columns end
    ldr     r4, [x], #4
    ldr     r5, [rows]
    ldr     r6, [rows, columns]
    ldr     r7, [rows, columns, lsl #1]
    .ifnb \end
    ldr     part, \end
    cmp     x, part
    .endif
    sxtb16  even, r4
    sxtb16  odd, r4, ror #8
    add_word sum0, r5
    ldr     r5, [rows, thrice]
    add_word sum1, r6
    add_word sum2, r7
    add     rows, #4
    add_word sum3, r5
    .endm

@ void hmd_dot4(const int8_t *rows, const int8_t *x, uint32_t columns, int32_t sums[4])
    .section .text.hmd_dot4, "ax", %progbits
    .global hmd_dot4
    .type   hmd_dot4, %function
    .balign 4
hmd_dot4:
    push    {r3-r11, lr}
    ldm     r3, {sum0, sum1, sum2, sum3}
    add     thrice, columns, columns, lsl #1
    bic     r4, columns, #3
    adds    r4, x                  @ behind the last whole word of x
    push    {r4, r5}
    cmp     x, r4
    beq     2f
    tst     columns, #4
    bne     odd_words
    .balign 4
1:  four_columns
odd_words:
    four_columns [sp]
    bne     1b
2:  ands    r8, columns, #3
    beq     4f
3:  ldrsb   r4, [x], #1
    ldrsb   r5, [rows]
    ldrsb   r6, [rows, columns]
    ldrsb   r7, [rows, columns, lsl #1]
    ldrsb   part, [rows, thrice]
    mla     sum0, r5, r4, sum0
    mla     sum1, r6, r4, sum1
    mla     sum2, r7, r4, sum2
    mla     sum3, part, r4, sum3
    adds    rows, #1
    subs    r8, #1
    bne     3b
4:  ldr     r3, [sp, #8]
    stm     r3, {sum0, sum1, sum2, sum3}
    add     sp, #12
    pop     {r4-r11, pc}

    .size   hmd_dot4, . - hmd_dot4
#endif
