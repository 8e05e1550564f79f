/* What STM32L5 has its own way: a cache before the flash (RM0438, "Instruction cache"). */
#ifndef STM32L5_H
#define STM32L5_H

#include "stm32l.h"

#define FLASH_ACR_CACHES 0u
#define FLASH_ACR_LATENCY 0xFu

#define ICACHE_CR REGISTER(0x40030400u)
#define ICACHE_CR_EN (1u << 0)
#define ICACHE_SR REGISTER(0x40030404u)
#define ICACHE_SR_BUSYF (1u << 0)

#endif
