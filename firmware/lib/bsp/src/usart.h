/* The USART with a register for each direction: STM32F7, L4 and L5 (RM0385, RM0351, RM0438). */
#ifndef USART_H
#define USART_H

#include "registers.h"

#define USART_STATUS(base) REGISTER((base) + 0x1Cu) /* ISR */
#define USART_RECEIVE(base) REGISTER((base) + 0x24u) /* RDR */
#define USART_TRANSMIT(base) REGISTER((base) + 0x28u) /* TDR */
#define USART_BRR(base) REGISTER((base) + 0x0Cu)
#define USART_CR1(base) REGISTER((base) + 0x00u)
#define USART_CR3(base) REGISTER((base) + 0x08u)
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_UE (1u << 0)
#define USART_CR3_OVRDIS (1u << 12)

#endif
