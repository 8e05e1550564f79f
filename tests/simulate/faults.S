/* A program that does one thing wrong, in the function `culprit`: the one that FAULT names. */
    .syntax unified
    .cpu cortex-m4
    .thumb

    .section .isr_vector, "a"
    .word __stack_top, Reset_Handler, Default_Handler, HardFault_Handler

    .text
    .macro function name
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    .endm

function Reset_Handler
    bl culprit
    b .
    .size Reset_Handler, . - Reset_Handler

function culprit
    FAULT
    bx lr
    .balign 4
even:
    .word 0xBF00BF00
    .size culprit, . - culprit

function HardFault_Handler
    FAULT_IN_HANDLER
    b .
    .size HardFault_Handler, . - HardFault_Handler

function Default_Handler
    b .
    .size Default_Handler, . - Default_Handler
