/* What STM32F7 has its own way: flash accelerator and caches (RM0385; the names are its names). */
#ifndef STM32F7_H
#define STM32F7_H

#include "stm32f.h"
#include "usart.h"

#define BOARD_CORE_CACHES 1
#define FLASH_ACR_CACHES (3u << 8) /* PRFTEN, ARTEN */

#endif
