/* The internal oscillator at reset -> PLL -> core; where that fails, back to the oscillator. */
#include "board.h"
#include "parts.h"

/* Polls of a ready bit: over 30 ms on the oscillator at reset; a crystal starts in 2 ms, a PLL
   locks in 0.3 ms. A simulator whose registers are stubs runs into it and boots without a PLL. */
#define READY_POLLS 100000u

bool clock_ready(const volatile uint32_t *status, uint32_t mask, uint32_t value) {
  for (uint32_t poll = 0; poll < READY_POLLS; ++poll) {
    if ((*status & mask) == value) return true;
  }
  return false;
}

clocks clock_init(void) {
  if (pll_start()) {
    return (clocks){.core_hz = BOARD_CLOCK_HZ, .uart_hz = BOARD_CLOCK_HZ / BOARD_UART_BUS_DIVIDER};
  }
  pll_stop();
  return (clocks){.core_hz = BOARD_RESET_HZ, .uart_hz = BOARD_RESET_HZ};
}
