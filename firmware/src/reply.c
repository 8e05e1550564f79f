/* Writes one line of the protocol: text, numbers, and the checksum at its end. */
#include "reply.h"

#include "crc16.h"

static void put(protocol *p, char c) {
  p->reply = crc16(p->reply, (uint8_t)c);
  p->board.put(c);
}

void reply_text(protocol *p, const char *text) {
  while (*text) put(p, *text++);
}

void reply_decimal(protocol *p, uint32_t value) {
  char digits[11]; /* 2^32 - 1 has ten */
  char *first = &digits[10];
  *first = 0;
  do {
    *--first = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  reply_text(p, first);
}

void reply_hex(protocol *p, uint32_t value, int digits) {
  while (digits--) put(p, "0123456789ABCDEF"[value >> 4 * digits & 15]);
}

void reply_name(protocol *p, const char *name) {
  put(p, ' ');
  reply_text(p, name);
  put(p, '=');
}

void reply_count(protocol *p, const char *name, uint32_t value) {
  reply_name(p, name);
  reply_decimal(p, value);
}

void reply_status(protocol *p, const char *name, int value) {
  reply_name(p, name);
  if (value < 0) put(p, '-');
  reply_decimal(p, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

void reply_word(protocol *p, const char *name, const char *value) {
  reply_name(p, name);
  reply_text(p, value);
}

void reply_end(protocol *p) {
  const uint16_t crc = p->reply;
  reply_text(p, " *");
  reply_hex(p, crc, 4);
  p->board.put('\n');
  p->reply = CRC16_START;
}
