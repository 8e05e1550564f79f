/* Brings the board up and remembers what it runs at. */
#include "bsp.h"

#include "board.h"
#include "parts.h"

static uint32_t core_hz;

void bsp_init(void) {
  cache_init();
  const clocks running = clock_init();
  core_hz = running.core_hz;
  uart_init(running.uart_hz);
  cycles_init();
}

const char *bsp_board(void) { return BOARD_NAME; }

uint32_t bsp_clock_hz(void) { return core_hz; }
