/* Writes one line of the protocol: text, numbers, and the checksum at its end. */
#ifndef REPLY_H
#define REPLY_H

#include "protocol.h"

void reply_text(protocol *p, const char *text);
void reply_decimal(protocol *p, uint32_t value);
void reply_hex(protocol *p, uint32_t value, int digits);

/* ` name=value` pairs. */
void reply_name(protocol *p, const char *name);
void reply_count(protocol *p, const char *name, uint32_t value);
void reply_status(protocol *p, const char *name, int value);
void reply_word(protocol *p, const char *name, const char *value);

/* ` *XXXX` and the line's end; the next reply starts afresh. */
void reply_end(protocol *p);

#endif
