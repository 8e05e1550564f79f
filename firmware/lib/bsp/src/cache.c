/* Caches: the core's own (Armv7-M ARM, B2.2; Cortex-M7: DDI 0489), or one before the flash. */
#include <stdint.h>

#include "board.h"
#include "parts.h"

#if BOARD_CORE_CACHES

#define CCR REGISTER(0xE000ED14u)
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CCSIDR REGISTER(0xE000ED80u)
#define CSSELR REGISTER(0xE000ED84u)
#define ICIALLU REGISTER(0xE000EF50u)
#define DCISW REGISTER(0xE000EF60u)
#define BARRIERS __asm__ volatile("dsb\n isb" ::: "memory")

/* At reset the data cache holds anything: every line of every way is declared invalid. */
static void invalidate_data(void) {
  CSSELR = 0; /* level 1, data */
  BARRIERS;
  const uint32_t size = CCSIDR;
  const uint32_t last_set = size >> 13 & 0x7FFF;
  const uint32_t last_way = size >> 3 & 0x3FF;
  const uint32_t way_shift = last_way ? (uint32_t)__builtin_clz(last_way) : 0;
  const uint32_t set_shift = (size & 7) + 4;
  for (uint32_t set = 0; set <= last_set; ++set) {
    for (uint32_t way = 0; way <= last_way; ++way) DCISW = way << way_shift | set << set_shift;
  }
  BARRIERS;
}

void cache_init(void) {
  ICIALLU = 0;
  invalidate_data();
  CCR |= CCR_IC | CCR_DC;
  BARRIERS;
}

#elif defined ICACHE_CR

void cache_init(void) {
  while (ICACHE_SR & ICACHE_SR_BUSYF) { /* it invalidates itself at reset */
  }
  ICACHE_CR |= ICACHE_CR_EN;
}

#else

void cache_init(void) {}

#endif
