/* From reset to main(), and what a fault does (Armv7-M ARM, B1.5). */
#include <stdint.h>

#include "bsp.h"
#include "parts.h"

#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_FPU (0xFu << 20)
#define CFSR (*(volatile uint32_t *)0xE000ED28u)
#define FRAME_PC 6 /* in the frame r0-r3, r12, lr, pc, xPSR */
#define FRAME_WORDS 8

extern uint32_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];
extern uint32_t __stack_bottom[], __stack_top[];
extern void (*__init_array_start[])(void);
extern void (*__init_array_end[])(void);
int main(void);

void Reset_Handler(void) {
  CPACR |= CPACR_FPU;
  __asm__ volatile("dsb\n isb" ::: "memory");
  stack_paint();
  const uint32_t *from = __data_load;
  for (uint32_t *to = __data_start; to < __data_end;) *to++ = *from++;
  for (uint32_t *to = __bss_start; to < __bss_end;) *to++ = 0;
  for (void (**constructor)(void) = __init_array_start; constructor < __init_array_end;) {
    (*constructor++)();
  }
  main();
  for (;;) {
  }
}

__attribute__((used)) static void report_fault(const uint32_t *frame) {
  /* After a stack overflow the frame is not in RAM. */
  const int readable = frame >= __stack_bottom && frame + FRAME_WORDS <= __stack_top;
  bsp_on_fault(readable ? frame[FRAME_PC] : 0, CFSR);
  for (;;) {
  }
}

/* Takes the frame's address from the stack that was in use, then a fresh stack to report on. */
__attribute__((naked)) static void fault(void) {
  __asm__ volatile(
      "mrs r0, msp\n"
      "ldr r1, =__stack_top\n"
      "mov sp, r1\n"
      "b report_fault\n");
}

/* No interrupt is ever enabled. The configurable faults escalate to HardFault, but not in Renode. */
__attribute__((section(".isr_vector"), used)) static const struct {
  const void *stack;
  void (*reset)(void);
  void (*nmi)(void);
  void (*hard_fault)(void);
  void (*memory_fault)(void);
  void (*bus_fault)(void);
  void (*usage_fault)(void);
} vectors = {__stack_top, Reset_Handler, fault, fault, fault, fault, fault};
