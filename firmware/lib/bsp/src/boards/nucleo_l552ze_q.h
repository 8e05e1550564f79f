/* NUCLEO-L552ZE-Q (MB1361), a Cortex-M33. Clock limits: RM0438, "Dynamic voltage scaling
   management", "Read access latency"; pins: UM2581, "USART communication". */
#include "../stm32l5.h"

#define BOARD_CLOCK_HZ 110000000u /* MSI / 1 * 55 / 2 */
#define BOARD_PLL_M 1u
#define BOARD_PLL_N 55u
#define BOARD_PLL_R 2u
#define BOARD_VOLTAGE_RANGE 0u
#define BOARD_FLASH_WAIT_STATES 5u

/* LPUART1 on PG7 (to the host) and PG8 (from the host), wired to the ST-LINK's virtual COM port. */
#define BOARD_UART 0x40008000u
#define BOARD_UART_LOW_POWER 1
#define BOARD_UART_BUS_DIVIDER 1u
#define BOARD_UART_ENABLE RCC_APB1ENR2
#define BOARD_UART_ENABLE_BIT (1u << 0)
#define BOARD_UART_GPIO_ENABLE_BITS (1u << 6) /* in RCC_GPIO_ENABLE: port G */
#define BOARD_UART_TX_GPIO 0x42021800u
#define BOARD_UART_TX_PIN 7u
#define BOARD_UART_RX_GPIO 0x42021800u
#define BOARD_UART_RX_PIN 8u
#define BOARD_UART_PIN_FUNCTION 8u
#define BOARD_UART_PINS_ON_VDDIO2 1
