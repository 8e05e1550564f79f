/* STM32F4, F7: HSE -> PLL, flash wait states before the switch (RM0090, 3.5.1, 7.2; RM0385, 4.1.4). */
#include "board.h"

#ifdef STM32F_H

#include "parts.h"

#if BOARD_HSE_HZ / BOARD_PLL_M * BOARD_PLL_N / BOARD_PLL_P != BOARD_CLOCK_HZ
#error "the PLL's factors do not give the board's clock"
#endif

/* The field PPREx for a divider of 1, 2, 4, 8 or 16. */
static uint32_t prescaler(uint32_t divider) {
  uint32_t field = 3;
  for (; divider > 1; divider /= 2) ++field;
  return field == 3 ? 0 : field;
}

/* The voltage for the highest clocks; the PLL must run, the core must not run on it yet. */
static bool overdrive(void) {
  PWR_CR |= PWR_CR_ODEN;
  if (!clock_ready(&PWR_CSR, PWR_CSR_ODRDY, PWR_CSR_ODRDY)) return false;
  PWR_CR |= PWR_CR_ODSWEN;
  return clock_ready(&PWR_CSR, PWR_CSR_ODSWRDY, PWR_CSR_ODSWRDY);
}

bool pll_start(void) {
  if (BOARD_HSE_BYPASS) RCC_CR |= RCC_CR_HSEBYP;
  RCC_CR |= RCC_CR_HSEON;
  if (!clock_ready(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY)) return false;
  RCC_APB1ENR |= RCC_APB1ENR_PWREN;
  PWR_CR |= PWR_CR_VOS;
  RCC_PLLCFGR = RCC_PLLCFGR_HSE | BOARD_PLL_M | BOARD_PLL_N << 6 | (BOARD_PLL_P / 2 - 1) << 16 |
                BOARD_PLL_Q << 24 | RCC_PLLCFGR_R;
  RCC_CR |= RCC_CR_PLLON;
  if (!clock_ready(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) return false;
  if (BOARD_OVERDRIVE && !overdrive()) return false;
  FLASH_ACR = FLASH_ACR_CACHES | BOARD_FLASH_WAIT_STATES;
  if (!clock_ready(&FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES)) return false;
  RCC_CFGR = prescaler(BOARD_APB1_DIVIDER) << 10 | prescaler(BOARD_APB2_DIVIDER) << 13;
  RCC_CFGR |= RCC_CFGR_SW_PLL;
  return clock_ready(&RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
}

void pll_stop(void) {
  RCC_CFGR = 0; /* HSI, no prescalers */
  RCC_CR &= ~(RCC_CR_PLLON | RCC_CR_HSEON);
  FLASH_ACR = FLASH_ACR_CACHES; /* no wait state is needed up to 30 MHz */
}

#endif
