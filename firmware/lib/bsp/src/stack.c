/* How deep the stack ever was: painted at start-up, read by looking for the paint that is left. */
#include "bsp.h"
#include "parts.h"

#define PAINT 0xC5C5C5C5u

extern uint32_t __stack_bottom[], __stack_top[];

void stack_paint(void) {
  const uint32_t *stack_pointer;
  __asm__ volatile("mov %0, sp" : "=r"(stack_pointer));
  /* volatile: a call of memset() in place of this loop would paint over its own frame */
  for (volatile uint32_t *word = __stack_bottom; word < stack_pointer; ++word) *word = PAINT;
}

uint32_t bsp_stack_high_water(void) {
  const uint32_t *word = __stack_bottom;
  while (word < __stack_top && *word == PAINT) ++word;
  return (uint32_t)((const char *)__stack_top - (const char *)word);
}
