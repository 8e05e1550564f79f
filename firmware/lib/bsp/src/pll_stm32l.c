/* STM32L4, L5: MSI -> PLL; voltage range and flash wait states before the switch (RM0351, RM0438:
   "Dynamic voltage scaling management", "Read access latency", "PLL", "System clock selection"). */
#include "board.h"

#ifdef STM32L_H

#include "parts.h"

#if BOARD_RESET_HZ / BOARD_PLL_M * BOARD_PLL_N / BOARD_PLL_R != BOARD_CLOCK_HZ
#error "the PLL's factors do not give the board's clock"
#endif

/* Above 80 MHz the core passes half of its clock for 1 us at least. */
#define STEP_HZ 80000000u
#define STEP_POLLS (BOARD_CLOCK_HZ / 2 / 1000000u)

static bool switch_to_pll(void) {
  const bool step = BOARD_CLOCK_HZ > STEP_HZ;
  RCC_CFGR = RCC_CFGR_SW_PLL | (step ? RCC_CFGR_HPRE_HALF : 0);
  if (!clock_ready(&RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) return false;
  if (step) {
    for (uint32_t poll = 0; poll < STEP_POLLS; ++poll) (void)RCC_CFGR;
    RCC_CFGR = RCC_CFGR_SW_PLL;
  }
  return true;
}

bool pll_start(void) {
  RCC_APB1ENR1 |= RCC_APB1ENR1_PWREN;
  (void)RCC_APB1ENR1; /* the clock runs before the first access */
  PWR_CR1 = (PWR_CR1 & ~PWR_CR1_VOS) | BOARD_VOLTAGE_RANGE << PWR_CR1_VOS_SHIFT;
  if (!clock_ready(&PWR_SR2, PWR_SR2_VOSF, 0)) return false;
  FLASH_ACR = FLASH_ACR_CACHES | BOARD_FLASH_WAIT_STATES;
  if (!clock_ready(&FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES)) return false;
  RCC_PLLCFGR = RCC_PLLCFGR_MSI | (BOARD_PLL_M - 1) << 4 | BOARD_PLL_N << 8 |
                (BOARD_PLL_R / 2 - 1) << 25 | RCC_PLLCFGR_REN;
  RCC_CR |= RCC_CR_PLLON;
  return clock_ready(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY) && switch_to_pll();
}

void pll_stop(void) {
  RCC_CFGR = 0; /* MSI, no prescalers */
  RCC_CR &= ~RCC_CR_PLLON;
  FLASH_ACR = FLASH_ACR_CACHES; /* no wait state is needed at 4 MHz, in any voltage range */
}

#endif
