/* Registers by address, and those that are the same in every STM32. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define GPIO_MODER(port) REGISTER((port) + 0x00u)
#define GPIO_AFR(port, pin) REGISTER((port) + 0x20u + (pin) / 8u * 4u)
#define GPIO_MODE_ALTERNATE 2u

#endif
