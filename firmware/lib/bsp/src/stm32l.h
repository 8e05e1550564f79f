/* Clock, power and flash registers, the same in STM32L4 and STM32L5 (RM0351, RM0438; L5 without
   TrustZone: the addresses are the non-secure ones). */
#ifndef STM32L_H
#define STM32L_H

#include "registers.h"
#include "usart.h"

#define BOARD_CORE_CACHES 0
#define BOARD_RESET_HZ 4000000u /* MSI, range 6 */

#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_CR1_VOS (3u << PWR_CR1_VOS_SHIFT)
#define PWR_CR1_VOS_SHIFT 9
#define PWR_CR2 REGISTER(0x40007004u)
#define PWR_CR2_IOSV (1u << 9)
#define PWR_SR2 REGISTER(0x40007014u)
#define PWR_SR2_VOSF (1u << 10)

#define FLASH_ACR REGISTER(0x40022000u)

#define RCC_CR REGISTER(0x40021000u)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR REGISTER(0x40021008u)
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)
#define RCC_CFGR_HPRE_HALF (8u << 4)
#define RCC_PLLCFGR REGISTER(0x4002100Cu)
#define RCC_PLLCFGR_MSI 1u
#define RCC_PLLCFGR_REN (1u << 24)
#define RCC_GPIO_ENABLE REGISTER(0x4002104Cu) /* RCC_AHB2ENR */
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR1_PWREN (1u << 28)
#define RCC_APB1ENR2 REGISTER(0x4002105Cu)

#endif
