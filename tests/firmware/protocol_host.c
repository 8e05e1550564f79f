/* The board's side of the protocol on the host: requests on stdin, replies on stdout. */
#include <stdio.h>

#include "hmd_model.h"
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

static protocol line;

void hmd_model_log(const char *text) { protocol_log(&line, text); }

int main(void) {
  line.board = (protocol_board){put, cycles, stack, "host", 1000000};
  protocol_start(&line);
  for (int c; (c = getchar()) != EOF;) protocol_receive(&line, (char)c);
  return 0;
}
