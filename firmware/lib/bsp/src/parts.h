/* The parts of the board support that start-up and bsp_init() bring up. */
#ifndef PARTS_H
#define PARTS_H

#include <stdint.h>

typedef struct {
  uint32_t core_hz;
  uint32_t uart_hz; /* of the bus that clocks the UART */
} clocks;

/* Raises the clock to the board's PLL; on a time-out stays on the internal oscillator. */
clocks clock_init(void);

/* 8 data bits, no parity, one stop bit, 115200 baud from a peripheral clock of uart_hz. */
void uart_init(uint32_t uart_hz);

void cycles_init(void);

/* Switches the core's instruction and data cache on, where it has them. */
void cache_init(void);

/* Fills the unused stack with a pattern; call it as early as possible. */
void stack_paint(void);

#endif
