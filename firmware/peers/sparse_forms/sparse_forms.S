/* Multiply loops of sparse int8 rows and an int16 vector, to choose one (hmd_tflm/benchmarks/sparse_forms.py,
   which packs the rows). Each is int64_t form(const int8_t *batches, const int16_t *v, uint32_t count):
   the sum, and above it the second sum of `row_pairs`. Cortex-M4. */
    .syntax unified
    .thumb

    .equ UNROLLED, 8 @ a power of two

@ A function of a batch's macro. r0: batches; r1: v; r8, r9: sums; r10: v + 2; r12: rounds.
    .macro form name
    .section .text.\name, "ax", %progbits
    .global \name
    .type   \name, %function
    .balign 4
\name:
    push    {r4-r11, lr}
    mov     r8, #0
    mov     r9, #0
    add     r10, r1, #4
    lsr     r12, r2, #3
    and     r2, #UNROLLED - 1
    mov     r4, #(\name\()_end - \name\()_loop) / UNROLLED
    adr     r3, \name\()_end + 1
    mls     r3, r2, r4, r3
    bx      r3
    .balign 4
\name\()_loop:
    .rept   UNROLLED
    batch_of_\name
    .endr
\name\()_end:
    subs    r12, #1
    bpl     \name\()_loop
    mov     r0, r8
    mov     r1, r9
    pop     {r4-r11, pc}
    .size   \name, . - \name
    .endm

@ Four weights, four columns: the batch of sparse_matvec.
    .macro  batch_of_byte_indices
    ldrb    r2, [r0, #4]
    ldrb    r3, [r0, #5]
    ldrb    r4, [r0, #6]
    ldrb    r5, [r0, #7]
    ldr     r6, [r0], #8
    ldrsh   r2, [r1, r2, lsl #1]
    ldrsh   r3, [r1, r3, lsl #1]
    ldrsh   r4, [r1, r4, lsl #1]
    ldrsh   r5, [r1, r5, lsl #1]
    sxtb16  r7, r6
    sxtb16  r6, r6, ror #8
    smlabb  r8, r7, r2, r8
    smlabb  r8, r6, r3, r8
    smlatb  r8, r7, r4, r8
    smlatb  r8, r6, r5, r8
    .endm

@ Four weights, four distances in bytes, the first from r1, which moves.
    .macro  batch_of_relative_indices
    ldr     r6, [r0, #4]
    ldr     r5, [r0], #8
    sxtb16  r7, r5
    uxtab   r2, r1, r6
    uxtab   r3, r2, r6, ror #8
    uxtab   r4, r3, r6, ror #16
    uxtab   r1, r4, r6, ror #24
    sxtb16  r6, r5, ror #8
    ldrsh   r2, [r2]
    ldrsh   r3, [r3]
    ldrsh   r4, [r4]
    ldrsh   r5, [r1]
    smlabb  r8, r7, r2, r8
    smlabb  r8, r6, r3, r8
    smlatb  r8, r7, r4, r8
    smlatb  r8, r6, r5, r8
    .endm

@ Two words, each with weights of two pairs of columns; four pairs' numbers.
    .macro  batch_of_pairs
    ldrb    r2, [r0, #8]
    ldrb    r3, [r0, #9]
    ldrb    r4, [r0, #10]
    ldrb    r5, [r0, #11]
    ldr     r7, [r0, #4]
    ldr     r6, [r0], #12
    ldr     r2, [r1, r2, lsl #2]
    ldr     r3, [r1, r3, lsl #2]
    ldr     r4, [r1, r4, lsl #2]
    ldr     r5, [r1, r5, lsl #2]
    sxtb16  r11, r6
    sxtb16  r6, r6, ror #8
    smlad   r8, r11, r2, r8
    sxtb16  r11, r7
    smlad   r8, r6, r3, r8
    sxtb16  r7, r7, ror #8
    smlad   r8, r11, r4, r8
    smlad   r8, r7, r5, r8
    .endm

@ Two blocks of four columns.
    .macro  two_blocks
    ldr     r4, [r1, r2, lsl #3]
    ldr     r5, [r10, r2, lsl #3]
    ldr     r11, [r1, r3, lsl #3]
    ldr     lr, [r10, r3, lsl #3]
    sxtb16  r2, r6
    sxtb16  r6, r6, ror #8
    smlad   r8, r2, r4, r8
    smlad   r8, r6, r5, r8
    sxtb16  r3, r7
    sxtb16  r7, r7, ror #8
    smlad   r8, r3, r11, r8
    smlad   r8, r7, lr, r8
    .endm

@ The weights of blocks 3, 0, 1 and 2; four blocks' numbers.
    .macro  batch_of_blocks
    ldrb    r2, [r0, #16]
    ldrb    r3, [r0, #17]
    ldr     r6, [r0, #4]
    ldr     r7, [r0, #8]
    two_blocks
    ldrb    r2, [r0, #18]
    ldrb    r3, [r0, #19]
    ldr     r6, [r0, #12]
    ldr     r7, [r0], #20
    two_blocks
    .endm

@ Packed pairs of columns 2 and 3, then of 0 and 1; four columns.
    .macro  batch_of_row_pairs
    ldrb    r2, [r0, #8]
    ldrb    r3, [r0, #9]
    ldrb    r4, [r0, #10]
    ldrb    r5, [r0, #11]
    ldr     r6, [r0, #4]
    ldr     r7, [r0], #12
    ldrh    r2, [r1, r2, lsl #1]
    ldrh    r3, [r1, r3, lsl #1]
    ldrh    r4, [r1, r4, lsl #1]
    ldrh    r5, [r1, r5, lsl #1]
    orr     r2, r2, r3, lsl #16
    orr     r4, r4, r5, lsl #16
    smlad   r8, r6, r2, r8
    sxtb16  r6, r6
    smlad   r8, r7, r4, r8
    sxtb16  r7, r7
    smlad   r9, r6, r2, r9
    smlad   r9, r7, r4, r9
    .endm

    form    byte_indices
    form    relative_indices
    form    pairs
    form    blocks
    form    row_pairs
