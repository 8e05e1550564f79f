/* The UART to the host: polled, without interrupts, so that it does not disturb cycle counts. */
#include "board.h"
#include "bsp.h"
#include "parts.h"

#define BAUD 115200u

#ifdef BOARD_UART_LOW_POWER
#define BIT_TIME 256u /* of an LPUART, in units of its BRR */
#else
#define BIT_TIME 1u /* at 16-fold oversampling */
#endif

static void alternate_function(uint32_t port, uint32_t pin) {
  const uint32_t field = 4 * (pin % 8);
  GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << 2 * pin)) | GPIO_MODE_ALTERNATE << 2 * pin;
  GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~(15u << field)) | BOARD_UART_PIN_FUNCTION << field;
}

/* BIT_TIME * hz / BAUD, rounded; hz may be up to 2^32 / BIT_TIME * BAUD. */
static uint32_t divider(uint32_t hz) {
  return hz / BAUD * BIT_TIME + (hz % BAUD * BIT_TIME + BAUD / 2) / BAUD;
}

void uart_init(uint32_t uart_hz) {
#ifdef BOARD_UART_PINS_ON_VDDIO2
  PWR_CR2 |= PWR_CR2_IOSV; /* the supply of these pins is valid */
#endif
  RCC_GPIO_ENABLE |= BOARD_UART_GPIO_ENABLE_BITS;
  BOARD_UART_ENABLE |= BOARD_UART_ENABLE_BIT;
  (void)BOARD_UART_ENABLE; /* the clock needs two bus cycles before the first access (RM0090, 7.2) */
  alternate_function(BOARD_UART_TX_GPIO, BOARD_UART_TX_PIN);
  alternate_function(BOARD_UART_RX_GPIO, BOARD_UART_RX_PIN);
  USART_BRR(BOARD_UART) = divider(uart_hz);
#ifdef USART_CR3_OVRDIS
  USART_CR3(BOARD_UART) = USART_CR3_OVRDIS; /* an overrun would stop reception until it is cleared */
#endif
  USART_CR1(BOARD_UART) = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

char bsp_getc(void) {
  while (!(USART_STATUS(BOARD_UART) & USART_RXNE)) {
  }
  return (char)USART_RECEIVE(BOARD_UART);
}

void bsp_putc(char c) {
  while (!(USART_STATUS(BOARD_UART) & USART_TXE)) {
  }
  USART_TRANSMIT(BOARD_UART) = (uint8_t)c;
}
