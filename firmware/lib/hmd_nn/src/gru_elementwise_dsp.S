/* The element-wise arithmetic of a step (gru_elementwise.h): Cortex-M with the DSP extension. */
#include "target.h"
#ifdef HMD_NN_DSP

    .syntax unified
    .thumb

gates   .req r0
table   .req r12 @ its middle

@ void hmd_gru_reset(const int16_t *gates, const int16_t *h, uint32_t units, int h_shift, int16_t *v)
    .section .text.hmd_gru_reset, "ax", %progbits
    .global hmd_gru_reset
    .type   hmd_gru_reset, %function
    .balign 4
hmd_gru_reset:
    push    {r4-r7, lr}
    ldr     r4, [sp, #20]          @ v
    movw    table, #:lower16:hmd_sigmoid_table + 1024
    movt    table, #:upper16:hmd_sigmoid_table + 1024
    rsb     r3, r3, #22
    movs    r7, #1
    lsls    r7, r3                 @ half of a column's step, as a product of r and h
    adds    r3, #1
    add     lr, r4, r2, lsl #1     @ end of v
    lsls    r2, r2, #31
    beq     two_units
    ldr     r5, [gates], #4
    ldrsh   r2, [r1], #2
    asrs    r5, r5, #22
    ldrsh   r5, [table, r5, lsl #1]
    mla     r5, r5, r2, r7         @ < 2^30 + 2^22
    asrs    r5, r3
    strh    r5, [r4], #2
    cmp     r4, lr
    beq     3f

    .balign 4
two_units:
    ldrd    r5, r6, [gates], #8
    asrs    r5, r5, #22
    asrs    r6, r6, #22
    ldrsh   r5, [table, r5, lsl #1]
    ldrsh   r6, [table, r6, lsl #1]
    ldr     r2, [r1], #4
reset_h:
    smlabb  r5, r5, r2, r7
    smlabt  r6, r6, r2, r7
    asrs    r5, r3
    asrs    r6, r3
    strh    r5, [r4], #4
    strh    r6, [r4, #-2]
    cmp     r4, lr
    bne     two_units
3:  pop     {r4-r7, pc}

    .size   hmd_gru_reset, . - hmd_gru_reset

@ tanh(x / 2) = 2 (sigmoid(x) - 2^14) is kept halved.
candidate .req r1
h       .req r2
y       .req r3
gate_z  .req r4
half_g  .req r5
hidden  .req r6
v       .req r7
right   .req r8  @ h to a column
half    .req r9  @ of a column's step
round   .req r10 @ half of h's last place, as a product with z
end     .req lr  @ of v

@ void hmd_gru_update(const int16_t *gates, const int16_t *candidate, int16_t *h, int8_t *y,
@                     uint32_t units, int h_shift, int16_t *v)
    .section .text.hmd_gru_update, "ax", %progbits
    .global hmd_gru_update
    .type   hmd_gru_update, %function
    .balign 4
hmd_gru_update:
    push    {r4-r10, lr}
    ldr     end, [sp, #32]
    ldr     right, [sp, #36]
    ldr     v, [sp, #40]
    add     end, v, end, lsl #1
    rsb     right, right, #7
    movs    half, #1
    lsl     half, half, right
    add     right, right, #1
    mov     round, #1 << 14
    movw    table, #:lower16:hmd_sigmoid_table + 1024
    movt    table, #:upper16:hmd_sigmoid_table + 1024

    .balign 4
gates_of_unit:
    ldr     gate_z, [gates], #4
    ldrsh   half_g, [candidate], #2
    ldrsh   hidden, [h]
    sbfx    gate_z, gate_z, #6, #10
    asrs    half_g, half_g, #6
    ldrsh   gate_z, [table, gate_z, lsl #1]
    ldrsh   half_g, [table, half_g, lsl #1]
    sub     half_g, #1 << 14
update_h:
    sub     hidden, hidden, half_g, lsl #1
    mla     hidden, gate_z, hidden, round @ < 2^31
    lsls    half_g, half_g, #1
    add     hidden, half_g, hidden, asr #15
    strh    hidden, [h], #2
    add     gate_z, hidden, half
    asr     gate_z, gate_z, right
    strh    gate_z, [v], #2
    add     hidden, #1 << 7
    ssat    hidden, #8, hidden, asr #8
    strb    hidden, [y], #1
    cmp     v, end
    bne     gates_of_unit
    pop     {r4-r10, pc}

    .size   hmd_gru_update, . - hmd_gru_update
#endif
