/* Where the tests' results go: this computer's standard output, or the board's UART. */
#include "unity_config.h"

#include "unity.h"

void setUp(void) {}

void tearDown(void) {}

#ifdef BSP_BOARD

#include "bsp.h"

/* Ends QEMU, with an error or without (Semihosting for AArch32 and AArch64, SYS_EXIT). */
static void end_simulation(int failed) {
#ifdef EXIT_BY_SEMIHOSTING
  register int operation __asm__("r0") = 0x18;
  register int reason __asm__("r1") = failed ? 0x20023 : 0x20026;
  __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(reason) : "memory");
#else
  (void)failed;
#endif
}

void test_output_start(void) {
  bsp_init();
#ifndef EXIT_BY_SEMIHOSTING
  /* PlatformIO opens the serial port after it has started the board. */
  for (volatile uint32_t left = bsp_clock_hz() / 4; left > 0; --left) {
  }
#endif
}

void test_output_char(int character) { bsp_putc((char)character); }

void test_output_flush(void) {}

void test_output_complete(void) { end_simulation(0); }

void bsp_on_fault(uint32_t pc, uint32_t status) {
  (void)pc;
  (void)status;
  for (const char *text = "fault\n"; *text; ++text) bsp_putc(*text);
  end_simulation(1);
}

#else

#include <stdio.h>

void test_output_start(void) {}

void test_output_char(int character) { putchar(character); }

void test_output_flush(void) { fflush(stdout); }

void test_output_complete(void) {}

#endif
