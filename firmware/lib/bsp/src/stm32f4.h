/* What STM32F4 has its own way: flash accelerator and USART (RM0090; the names are its names). */
#ifndef STM32F4_H
#define STM32F4_H

#include "stm32f.h"

#define BOARD_CORE_CACHES 0
#define FLASH_ACR_CACHES (7u << 8) /* PRFTEN, ICEN, DCEN */

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
