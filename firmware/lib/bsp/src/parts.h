/* The parts of the board support that start-up and bsp_init() bring up. */
#ifndef PARTS_H
#define PARTS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint32_t core_hz;
  uint32_t uart_hz; /* of the bus that clocks the UART */
} clocks;

/* Raises the clock to the board's PLL; on a time-out stays on the internal oscillator. */
clocks clock_init(void);

/* Waits until (*status & mask) == value; false where that takes too long. */
bool clock_ready(const volatile uint32_t *status, uint32_t mask, uint32_t value);

/* The chip's own way to the board's clock and back to the oscillator at reset. */
bool pll_start(void);
void pll_stop(void);

/* 8 data bits, no parity, one stop bit, 115200 baud from a peripheral clock of uart_hz. */
void uart_init(uint32_t uart_hz);

void cycles_init(void);

/* Switches the caches on that do not belong to the flash interface. */
void cache_init(void);

/* Fills the unused stack with a pattern; call it as early as possible. */
void stack_paint(void);

#endif
