/* Packed int8 rows times an int16 vector, requantised (matvec.h): Cortex-M with the DSP extension.

   Two columns of four rows are two words of packed pairs. For each word, one SMLAD adds 256 A + B,
   SXTB16 and a second SMLAD add B alone: A and B are the sums of its two rows. Runs of single loads
   into low registers are the fastest on Cortex-M4: each but the first takes one cycle, and their
   16-bit encodings fill the prefetch buffer for the 32-bit instructions behind them. */
#include "target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

@ Registers. v and weights point one word before what is read next.
v       .req r0
weights .req r1
both01  .req r8  @ 256 A + B modulo 2^32, of rows 1 (A) and 0 (B). |A|, |B| < 2^23
sum0    .req r9  @ B. Therefore both - sum = 256 A is exact
both23  .req r10
sum2    .req r11
v_end   .req r12
table   .req lr

@ Stack: locals, saved registers.
    .equ FIRST, 0   @ v[0] and v[1] if they do not fit the blocks of four columns, else zeros
    .equ BEGIN, 4   @ v for the first of the loop's blocks, even if ENTRY is behind it
    .equ BACK, 8    @ bytes from a group's weights back to where they would be for that block
    .equ ENTRY, 12  @ where the loop begins, so that it ends with its last block
    .equ END, 16    @ of the weights of all whole groups
    .equ VALUES, 20 @ of the result
    .equ STRIDE, 24 @ bytes between two rows of the result
    .equ NEXT, 28   @ bytes from a group's row 3 to the next group's row 0
    .equ FLAGS, 32
    .equ NARROW, 31 @ a bit: 12 bits, not 16
    .equ SHORT, 1   @ this group is the last and has three rows
    .equ LOCALS, 36
    .equ PRODUCT, LOCALS
    .equ ROWS, LOCALS + 4
    .equ V, LOCALS + 12

@ Accumulate two columns: two values of v, a word of rows 0 and 1, a word of rows 2 and 3.
    .macro two_columns values, rows01, rows23
    smlad   both01, \rows01, \values, both01
    sxtb16  \rows01, \rows01
    smlad   both23, \rows23, \values, both23
    sxtb16  \rows23, \rows23
    smlad   sum0, \rows01, \values, sum0
    smlad   sum2, \rows23, \values, sum2
    .endm

@ The same for the first columns of a group.
    .macro first_columns values, rows01, rows23
    smuad   both01, \rows01, \values
    sxtb16  \rows01, \rows01
    smuad   both23, \rows23, \values
    sxtb16  \rows23, \rows23
    smuad   sum0, \rows01, \values
    smuad   sum2, \rows23, \values
    .endm

@ Accumulate two columns of two rows: 256 A + B in r6, B in r7.
    .macro two_rows
    ldr     r2, [v, #4]!
    ldr     r3, [weights, #4]!
    smlad   r6, r3, r2, r6
    sxtb16  r3, r3
    smlad   r7, r3, r2, r7
    .endm

@ One of the loop's blocks. The last one moves v and weights.
    .equ BLOCKS, 8 @ a power of two; offsets beyond 124 would need longer encodings
    .equ BLOCK, 60 @ bytes of code
    .macro four_columns index, write_back
    .org    blocks + BLOCK * \index
    ldr     r2, [v, #8 * \index + 4]
    ldr     r4, [weights, #16 * \index + 4]
    ldr     r5, [weights, #16 * \index + 8]
    ldr     r6, [weights, #16 * \index + 12]
    ldr     r3, [v, #8 * \index + 8]\write_back
    ldr     r7, [weights, #16 * \index + 16]\write_back
    two_columns r2, r4, r5
    two_columns r3, r6, r7
    .endm

@ Table entries of a group.
    .macro load_entries
    ldr     r3, [table, #4]
    ldr     r4, [table, #8]
    ldr     r5, [table, #12]
    ldr     r2, [table], #16
    .endm

@ r2-r5: (sum * multiplier >> 16) + bias of rows 0-3. Magnitudes below 2^22 + 2^15.
    .macro requantise_sums
    sub     both01, both01, sum0
    sub     both23, both23, sum2
    asr     both01, both01, #8
    asr     both23, both23, #8
    smulwb  sum0, sum0, r2
    smulwb  both01, both01, r3
    smulwb  sum2, sum2, r4
    smulwb  both23, both23, r5
    add     r2, sum0, r2, asr #16
    add     r3, both01, r3, asr #16
    add     r4, sum2, r4, asr #16
    add     r5, both23, r5, asr #16
    .endm

@ Rows 0-3 from r6 on, r7 apart. r6 moves to row 3; flags: whether this was the last whole group.
    .macro store_rows end
    ssat    r2, #16, r2
    ssat    r3, #16, r3
    strh    r2, [r6]
    add     r6, r7
    ssat    r4, #16, r4
    strh    r3, [r6]
    add     r6, r7
    ssat    r5, #16, r5
    strh    r4, [r6]
    add     r6, r7
    cmp     weights, \end
    strh    r5, [r6]
    .endm

@ void hmd_matvec(hmd_product *product, uint32_t rows, uint32_t columns, const int16_t *v)
    .section .text.hmd_matvec, "ax", %progbits
    .global hmd_matvec
    .type   hmd_matvec, %function
    .balign 4
hmd_matvec:
    push    {r0-r11, lr}
    sub     sp, #LOCALS
    ldm     r0, {r4-r8, table}     @ values, bits, group_stride, row_stride, weights, table
    str     r4, [sp, #VALUES]
    lsls    r5, #NARROW - 2        @ bit 2 is one of 12, not of 16
    str     r5, [sp, #FLAGS]
    lsls    r7, #1
    str     r7, [sp, #STRIDE]
    adds    r2, #1
    lsrs    r2, #1                 @ pairs of columns
    subs    r3, #4
    add     v_end, r3, r2, lsl #2
    lsrs    r4, r1, #2             @ whole groups
    cmp     r1, #3
    sub     weights, r8, #4
    blo     rest
    muls    r4, r2
    add     r4, weights, r4, lsl #3
    str     r4, [sp, #END]
    add     r0, r7, r7, lsl #1
    rsb     r6, r0, r6, lsl #1
    str     r6, [sp, #NEXT]
    subs    r6, r7
    orrs    r5, r6                 @ zero: 16 bits, all rows equally far apart
    movs    r0, #0
    movs    r7, #0
    lsrs    r6, r2, #1             @ blocks; carry: one pair of columns beside them
    bcc     1f
    ldr     r0, [r3, #4]!
    subs    r7, #8
1:  str     r0, [sp, #FIRST]
    rsbs    r2, r6, #0             @ blocks that the first round leaves out
    and     r2, #BLOCKS - 1
    sub     r3, r3, r2, lsl #3
    str     r3, [sp, #BEGIN]
    add     r7, r7, r2, lsl #4
    str     r7, [sp, #BACK]
    adr     r3, blocks
    movs    r7, #BLOCK
    mla     r3, r2, r7, r3
    cbnz    r6, 2f
    adr     r3, requantise
2:  adds    r3, #1                 @ Thumb
    str     r3, [sp, #ENTRY]
    cmp     weights, r4
    beq     rest
    orrs    r5, r6
    bne     group

@ One pair of columns, as the lower rows of HMD have: a loop with everything in registers, r0 the two
@ values of v, r12 END.
    mov     r12, r4
    ldr     r6, [sp, #VALUES]
    ldr     r7, [sp, #STRIDE]
    .balign 4
column_pair:
    ldr     sum0, [weights, #4]
    ldr     sum2, [weights, #8]!
    load_entries
    first_columns r0, sum0, sum2
requantise_pair:
    requantise_sums
    store_rows r12
    add     r6, r7
    bne     column_pair
    str     r6, [sp, #VALUES]
    ldr     v_end, [sp, #V]        @ one word, less one word

rest: @ rows behind the last whole group
    ldr     r4, [sp, #ROWS]
    ldr     r5, [sp, #FLAGS]
    ands    r4, #3
    beq     return
    adds    r5, #SHORT
    cmp     r4, #3
    beq     short

@ One or two rows: one packed pair for each column.
    ldr     v, [sp, #V]
    subs    v, #4
    movs    r6, #0
    movs    r7, #0
    sub     r2, v_end, v
    lsls    r2, #29                @ negative: an odd number of pairs
    bmi     2f
    .balign 4
1:  two_rows
2:  two_rows
    cmp     v, v_end
    bne     1b
requantise_rest:
    ldr     r3, [table, #4]
    ldr     r2, [table], #8
    subs    r6, r7
    asrs    r6, #8
    smulwb  r7, r7, r2
    smulwb  r6, r6, r3
    add     r2, r7, r2, asr #16
    add     r3, r6, r3, asr #16
    ldr     r6, [sp, #VALUES]
    ldr     r7, [sp, #STRIDE]
two_values:
    ssat    r2, #16, r2
    ssat    r3, #16, r3
    lsls    r5, #1                 @ carry: NARROW
    bcc     2f
    ssat    r2, #12, r2
    ssat    r3, #12, r3
2:  strh    r2, [r6]
    cmp     r4, #2
    bne     return
    strh    r3, [r6, r7]
return:
    ldr     r0, [sp, #PRODUCT]
    adds    weights, #4
    strd    weights, table, [r0, #16]
    add     sp, #V + 4
    pop     {r4-r11, pc}

short:
    str     r5, [sp, #FLAGS]
    .balign 4
group:
    ldr     v, [sp, #BEGIN]
    ldr     r2, [sp, #FIRST]
    ldr     r6, [sp, #BACK]
    ldr     r7, [sp, #ENTRY]
    ldr     r4, [weights, #4]
    ldr     r5, [weights, #8]
    first_columns r2, r4, r5
    subs    weights, r6
    bx      r7

    .balign 4
blocks:
    four_columns 0
    four_columns 1
    four_columns 2
    four_columns 3
    four_columns 4
    four_columns 5
    four_columns 6
    four_columns 7, !
    cmp     v, v_end
    bne     blocks

    .balign 4
requantise:
    ldr     r0, [sp, #FLAGS]
    ldr     r6, [sp, #VALUES]
    ldr     r7, [sp, #STRIDE]
    load_entries
    requantise_sums
    ldr     r8, [sp, #NEXT]
    ldr     r9, [sp, #END]
    cbnz    r0, special
store:
    store_rows r9
    add     r6, r8
    str     r6, [sp, #VALUES]
    bne     group
    b       rest

special:
    lsls    r0, #1                 @ carry: NARROW; not zero: SHORT
    bcc     1f
    ssat    r2, #12, r2
    ssat    r3, #12, r3
    ssat    r4, #12, r4
    ssat    r5, #12, r5
1:  beq     store
    ssat    r4, #16, r4
    strh    r4, [r6, r7, lsl #1]
    movs    r4, #2
    movs    r5, #0
    b       two_values

    .size   hmd_matvec, . - hmd_matvec
#endif
