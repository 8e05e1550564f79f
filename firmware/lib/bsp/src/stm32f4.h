/* STM32F4 registers that the board support uses (RM0090; the names are its names). */
#ifndef STM32F4_H
#define STM32F4_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define HSI_HZ 16000000u

#define PWR_CR REGISTER(0x40007000u)
#define PWR_CR_VOS (1u << 14)

#define FLASH_ACR REGISTER(0x40023C00u)
#define FLASH_ACR_LATENCY 0xFu
#define FLASH_ACR_CACHES (7u << 8) /* PRFTEN, ICEN, DCEN */

#define RCC_CR REGISTER(0x40023800u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_PLLCFGR_HSE (1u << 22)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_APB1ENR REGISTER(0x40023840u)
#define RCC_APB1ENR_PWREN (1u << 28)

#define GPIO_MODER(port) REGISTER((port) + 0x00u)
#define GPIO_AFRL(port) REGISTER((port) + 0x20u)
#define GPIO_MODE_ALTERNATE 2u

#define USART_STATUS(base) REGISTER((base) + 0x00u) /* SR */
#define USART_RECEIVE(base) REGISTER((base) + 0x04u) /* DR */
#define USART_TRANSMIT(base) REGISTER((base) + 0x04u) /* DR */
#define USART_BRR(base) REGISTER((base) + 0x08u)
#define USART_CR1(base) REGISTER((base) + 0x0Cu)
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_UE (1u << 13)

#endif
