/* The element-wise arithmetic of a step (lstm_elementwise.h): Cortex-M with the DSP extension. */
#include "target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

@ Sigmoids lie in 0..2^15 - 11. tanh(x / 2) = 2 (sigmoid(x) - 2^14) is kept halved, for which shifts
@ of its products are one less.
pre     .req r0
c       .req r1
h       .req r2
v       .req r3
gate_i  .req r4
gate_f  .req r5
gate_g  .req r6
gate_o  .req r7
cell    .req gate_g
half    .req r8  @ of the cell's last place, as a product of i and g
right   .req r9  @ such a product to the cell's 2^-15
left    .req r10 @ the cell to Q2.13
h_shift .req r11
table   .req r12 @ its middle
end     .req lr  @ of pre

@ void hmd_lstm_update(const int16_t *pre, int16_t *c, int8_t *h, int16_t *v, uint32_t units,
@                      int cell_shift, int h_shift)
    .section .text.hmd_lstm_update, "ax", %progbits
    .global hmd_lstm_update
    .type   hmd_lstm_update, %function
    .balign 4
hmd_lstm_update:
    push    {r4-r11, lr}
    ldr     end, [sp, #36]
    ldr     left, [sp, #40]
    ldr     h_shift, [sp, #44]
    add     end, pre, end, lsl #3
    add     right, left, #2
    add     left, left, #1
    mov     half, #1 << 14
    lsl     half, half, right
    movw    table, #:lower16:hmd_sigmoid_table + 1024
    movt    table, #:upper16:hmd_sigmoid_table + 1024

    .balign 4
unit:
    ldr     r6, [pre, #4]
    ldr     r4, [pre], #8
    asr     gate_o, r6, #22
    asr     gate_f, r4, #22
    sbfx    gate_g, r6, #6, #10
    sbfx    gate_i, r4, #6, #10
    ldrsh   gate_o, [table, gate_o, lsl #1]
    ldrsh   gate_f, [table, gate_f, lsl #1]
    ldrsh   gate_g, [table, gate_g, lsl #1]
    ldrsh   gate_i, [table, gate_i, lsl #1]
    sub     gate_g, #1 << 14
new_cell:
    mla     gate_i, gate_i, gate_g, half @ < 2^29 + 2^23
    ldrsh   cell, [c]
    asr     gate_i, gate_i, right
    mla     cell, gate_f, cell, gate_i   @ < 2^30 + 2^27 + 2^14
    ssat    cell, #16, cell, asr #15
    strh    cell, [c], #2
tanh_of_cell:
    lsl     cell, cell, left             @ <= 2^23
    ssat    cell, #10, cell, asr #6
    cmp     pre, end
    ldrsh   r4, [table, cell, lsl #1]
    sub     r4, #1 << 14
new_h:
    mul     r4, gate_o, r4               @ < 2^29
    add     r4, #1 << 21
    ssat    r4, #8, r4, asr #22
    strb    r4, [h], #1
    lsl     r4, r4, h_shift
    strh    r4, [v], #2
    bne     unit
    pop     {r4-r11, pc}

    .size   hmd_lstm_update, . - hmd_lstm_update
#endif
