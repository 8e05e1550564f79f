/* Board support: what the application may ask of any board. */
#ifndef BSP_H
#define BSP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Clock, UART and cycle counter; the stack was painted before main(). */
void bsp_init(void);

/* The board's name, as PlatformIO spells it. */
const char *bsp_board(void);

/* The core's clock in Hz: the board's PLL, or its internal oscillator where the PLL did not start. */
uint32_t bsp_clock_hz(void);

/* One character from the UART; waits for it. */
char bsp_getc(void);

/* One character to the UART; waits until there is room for it. */
void bsp_putc(char c);

/* The core's cycle counter. It wraps: only differences modulo 2^32 have a meaning. */
uint32_t bsp_cycles(void);

/* Bytes of the stack that were ever used since reset. */
uint32_t bsp_stack_high_water(void);

/* Called once on a fault, the core then stops; the application defines it.
   pc: the instruction at fault, 0 if unknown. status: the Configurable Fault Status Register. */
void bsp_on_fault(uint32_t pc, uint32_t status);

#ifdef __cplusplus
}
#endif

#endif
