/* STM32F407G-DISC1 (MB997). Clock limits: RM0090 chapters 3.5.1 and 7; pins: UM1472 table 7. */
#include "../stm32f4.h"

#define BOARD_HSE_HZ 8000000u
#define BOARD_HSE_BYPASS 0
#define BOARD_CLOCK_HZ 168000000u /* HSE / 8 * 336 / 2 */
#define BOARD_PLL_M 8u
#define BOARD_PLL_N 336u
#define BOARD_PLL_P 2u
#define BOARD_PLL_Q 7u /* 48 MHz for USB and the random number generator */
#define BOARD_OVERDRIVE 0
#define BOARD_FLASH_WAIT_STATES 5u
#define BOARD_APB1_DIVIDER 4u /* 42 MHz at most */
#define BOARD_APB2_DIVIDER 2u /* 84 MHz at most */

/* USART2 on PA2 (to the host) and PA3 (from the host). */
#define BOARD_UART 0x40004400u
#define BOARD_UART_BUS_DIVIDER BOARD_APB1_DIVIDER
#define BOARD_UART_ENABLE RCC_APB1ENR
#define BOARD_UART_ENABLE_BIT (1u << 17)
#define BOARD_UART_GPIO_ENABLE_BITS (1u << 0) /* in RCC_GPIO_ENABLE: port A */
#define BOARD_UART_TX_GPIO 0x40020000u
#define BOARD_UART_TX_PIN 2u
#define BOARD_UART_RX_GPIO 0x40020000u
#define BOARD_UART_RX_PIN 3u
#define BOARD_UART_PIN_FUNCTION 7u
