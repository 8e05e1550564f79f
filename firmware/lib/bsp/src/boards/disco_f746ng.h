/* STM32F746G-DISCO (MB1191). Clock limits: RM0385 chapters 3.3.2, 4.1.4 and 5; pins: UM1907 table 4. */
#include "../stm32f7.h"

#define BOARD_HSE_HZ 25000000u
#define BOARD_HSE_BYPASS 0
#define BOARD_CLOCK_HZ 216000000u /* HSE / 25 * 432 / 2 */
#define BOARD_PLL_M 25u
#define BOARD_PLL_N 432u
#define BOARD_PLL_P 2u
#define BOARD_PLL_Q 9u /* 48 MHz for USB and the random number generator */
#define BOARD_OVERDRIVE 1 /* above 180 MHz */
#define BOARD_FLASH_WAIT_STATES 7u
#define BOARD_APB1_DIVIDER 4u /* 54 MHz at most */
#define BOARD_APB2_DIVIDER 2u /* 108 MHz at most */

/* USART1 on PA9 (to the host) and PB7 (from the host), wired to the ST-LINK's virtual COM port. */
#define BOARD_UART 0x40011000u
#define BOARD_UART_BUS_DIVIDER BOARD_APB2_DIVIDER
#define BOARD_UART_ENABLE RCC_APB2ENR
#define BOARD_UART_ENABLE_BIT (1u << 4)
#define BOARD_UART_GPIO_ENABLE_BITS (3u << 0) /* in RCC_GPIO_ENABLE: ports A and B */
#define BOARD_UART_TX_GPIO 0x40020000u
#define BOARD_UART_TX_PIN 9u
#define BOARD_UART_RX_GPIO 0x40020400u
#define BOARD_UART_RX_PIN 7u
#define BOARD_UART_PIN_FUNCTION 7u
