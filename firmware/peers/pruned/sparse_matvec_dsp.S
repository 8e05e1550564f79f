/* Sparse rows times a vector (sparse_matvec.h): Cortex-M with the DSP extension.

   All loads of a batch follow each other, since each but the last takes one cycle: four bytes of
   columns, a word of weights, four values. An index is loaded by itself, which costs no more than
   to take it out of a word, and the load of a value scales it. */
#include "../src/target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

@ Registers.
batches .req r0  @ the result, too
v       .req r1
piece   .req r2  @ at a piece's begin; else as r2-r7
sum     .req r8  @ |sum| < 2^23
end     .req r9  @ of the piece's batches
values  .req r10
pieces  .req r11
table   .req r12
first_v .req lr

@ Four columns, then weights 0 to 3. Weights 0 and 2 stand in the halves of r7, 1 and 3 in those of r6.
    .equ BATCHES, 8 @ a power of two
    .equ BATCH, 52  @ bytes of code
    .macro batch index
    .org    multiply + BATCH * \index
    ldrb    r2, [batches, #4]
    ldrb    r3, [batches, #5]
    ldrb    r4, [batches, #6]
    ldrb    r5, [batches, #7]
    ldr     r6, [batches], #8
    ldrsh   r2, [v, r2, lsl #1]
    ldrsh   r3, [v, r3, lsl #1]
    ldrsh   r4, [v, r4, lsl #1]
    ldrsh   r5, [v, r5, lsl #1]
    sxtb16  r7, r6
    sxtb16  r6, r6, ror #8
    smlabb  sum, r7, r2, sum
    smlabb  sum, r6, r3, sum
    smlatb  sum, r7, r4, sum
    smlatb  sum, r6, r5, sum
    .endm

@ r6: multiplier and bias. Magnitudes below 2^22 + 2^15 before they saturate.
    .macro requantise_and_store
    smulwb  sum, sum, r6
    add     sum, sum, r6, asr #16
    ssat    sum, #16, sum
    strh    sum, [values], #2
    .endm

@ const int8_t *sparse_matvec(const sparse_matrix *matrix, const int16_t *v, int16_t *values)
    .section .text.sparse_matvec, "ax", %progbits
    .global sparse_matvec
    .type   sparse_matvec, %function
    .balign 4
sparse_matvec:
    push    {r4-r11, lr}
    mov     values, r2
    mov     first_v, v
    ldr     pieces, [r0, #4]
    ldr     table, [r0, #8]
    ldr     batches, [r0]
    ldrb    piece, [pieces], #1
    cmp     piece, #255
    bne     sparse_row
return:
    pop     {r4-r11, pc}

sparse_special:
    cmp     piece, #255
    beq     1f
    sub     table, #4              @ the row is not complete
    add     v, #512
    and     piece, #127
    b       sparse_piece
1:  requantise_and_store
    b       return

    .balign 4
sparse_requantise:
    ldr     r6, [table], #4
    ldrb    piece, [pieces], #1
    cmp     piece, #128
    bhs     sparse_special
    requantise_and_store
sparse_row:
    mov     sum, #0
    mov     v, first_v
sparse_piece: @ its loop begins so that it ends with its last batch
    adr     r3, multiplied + 1     @ Thumb
    mov     r4, #BATCH
    add     end, batches, piece, lsl #3
    and     piece, #BATCHES - 1
    mls     r3, piece, r4, r3
    bx      r3

    .balign 4
multiply:
    batch   0
    batch   1
    batch   2
    batch   3
    batch   4
    batch   5
    batch   6
    batch   7
multiplied:
    cmp     batches, end
    beq     sparse_requantise
    b       multiply

    .size   sparse_matvec, . - sparse_matvec
#endif
