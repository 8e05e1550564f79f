/* The board's side of the protocol on the host: requests on stdin, replies on stdout. */
#include <stdio.h>

#include "protocol.h"

static void put(char c) {
  putchar(c);
  if (c == '\n') fflush(stdout);
}

static uint32_t cycles(void) {
  static uint32_t count = 0xFFFFFF00u; /* wraps early */
  return count += 100;
}

static uint32_t stack(void) { return 512; }

int main(void) {
  static protocol line;
  line.board = (protocol_board){put, cycles, stack, "host", 1000000};
  protocol_start(&line);
  for (int c; (c = getchar()) != EOF;) protocol_receive(&line, (char)c);
  return 0;
}
