/* What STM32L4 has its own way: the flash accelerator (RM0351, "Adaptive real-time memory accelerator"). */
#ifndef STM32L4_H
#define STM32L4_H

#include "stm32l.h"

#define FLASH_ACR_CACHES (7u << 8) /* PRFTEN, ICEN, DCEN */
#define FLASH_ACR_LATENCY 0x7u

#endif
