/* NUCLEO-L476RG (MB1136). Clock limits: RM0351, "Dynamic voltage scaling management", "Read access
   latency"; pins: UM1724, the table of the NUCLEO-L476RG. */
#include "../stm32l4.h"

#define BOARD_CLOCK_HZ 80000000u /* MSI / 1 * 40 / 2 */
#define BOARD_PLL_M 1u
#define BOARD_PLL_N 40u
#define BOARD_PLL_R 2u
#define BOARD_VOLTAGE_RANGE 1u
#define BOARD_FLASH_WAIT_STATES 4u

/* USART2 on PA2 (to the host) and PA3 (from the host), wired to the ST-LINK's virtual COM port. */
#define BOARD_UART 0x40004400u
#define BOARD_UART_BUS_DIVIDER 1u
#define BOARD_UART_ENABLE RCC_APB1ENR1
#define BOARD_UART_ENABLE_BIT (1u << 17)
#define BOARD_UART_GPIO_ENABLE_BITS (1u << 0) /* in RCC_GPIO_ENABLE: port A */
#define BOARD_UART_TX_GPIO 0x48000000u
#define BOARD_UART_TX_PIN 2u
#define BOARD_UART_RX_GPIO 0x48000000u
#define BOARD_UART_RX_PIN 3u
#define BOARD_UART_PIN_FUNCTION 7u
