/* The core's cycle counter (Armv7-M ARM, C1.8). */
#include "bsp.h"
#include "parts.h"

#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_LAR (*(volatile uint32_t *)0xE0001FB0u)
#define DWT_LAR_KEY 0xC5ACCE55u /* Cortex-M7 locks its DWT (DDI 0489); Cortex-M4 has no lock */
#define DWT_CYCCNT (*(volatile uint32_t *)0xE0001004u)

void cycles_init(void) {
  DEMCR |= DEMCR_TRCENA;
  DWT_LAR = DWT_LAR_KEY;
  DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

uint32_t bsp_cycles(void) { return DWT_CYCCNT; }
