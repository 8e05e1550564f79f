/* NUCLEO-F446RE (MB1136). Clock limits: RM0390 chapters 3.4.1, 5.1.4 and 6; pins: UM1724 table 29. */
#include "../stm32f4.h"

#define BOARD_HSE_HZ 8000000u
#define BOARD_HSE_BYPASS 1        /* the clock comes from the ST-LINK, there is no crystal */
#define BOARD_CLOCK_HZ 168000000u /* HSE / 8 * 336 / 2, the most without over-drive */
#define BOARD_PLL_M 8u
#define BOARD_PLL_N 336u
#define BOARD_PLL_P 2u
#define BOARD_PLL_Q 7u /* 48 MHz for USB and SDIO */
#define BOARD_OVERDRIVE 0
#define BOARD_FLASH_WAIT_STATES 5u
#define BOARD_APB1_DIVIDER 4u /* 45 MHz at most */
#define BOARD_APB2_DIVIDER 2u /* 90 MHz at most */

/* USART2 on PA2 (to the host) and PA3 (from the host), wired to the ST-LINK's virtual COM port. */
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
