/* The line protocol of docs/protocol.md: characters in, one reply a line out. Knows no hardware. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_VERSION 2
#define PROTOCOL_MAX_OPS 64
#define PROTOCOL_TOO_MANY_OPS (-1000) /* a status beside the model's own */
#define PROTOCOL_MAX_WORD 5 /* "reset" */

/* What the protocol needs of a board. */
typedef struct {
  void (*put)(char c);
  uint32_t (*cycles)(void); /* modulo 2^32 */
  uint32_t (*stack_high_water)(void);
  const char *name; /* one word */
  uint32_t clock_hz;
} protocol_board;

typedef enum { PROTOCOL_WORD, PROTOCOL_STEP, PROTOCOL_ARGUMENT, PROTOCOL_CHECKSUM } protocol_part;

typedef struct {
  protocol_board board;
  int status;         /* of hmd_model_init() */
  uint32_t done;      /* inferences since the recurrent state was zero */
  uint8_t repeatable; /* the last inference's output is still there */
  uint16_t reply;     /* CRC of the reply so far */
  uint8_t logging;    /* a log line has begun */

  /* The request so far. */
  protocol_part part;
  uint16_t crc;                     /* of its text */
  uint16_t checksum;                /* as received */
  uint8_t checksum_digits;          /* 4 = well formed */
  uint8_t space;                    /* a space was held back: it may belong to " *" */
  char word[PROTOCOL_MAX_WORD + 2]; /* one longer than any command, so that it matches none */
  uint8_t word_length;
  uint32_t step;
  uint8_t step_digits; /* UINT8_MAX: no number of 32 bits */
  uint8_t *input;    /* where the argument goes, or 0 */
  uint32_t digits;   /* of the argument */
  uint32_t bad_digit; /* position of the first character that is none; = digits while all are */

  uint32_t times[PROTOCOL_MAX_OPS + 1];
  uint32_t readings; /* in times */
} protocol;

/* Makes the model ready and says so. Set board before, leave the rest zero. */
void protocol_start(protocol *p);

/* Takes one character of a request; at the end of its line answers. */
void protocol_receive(protocol *p, char c);

/* Sends text as log lines; a line ends with its newline, or where the next reply begins. */
void protocol_log(protocol *p, const char *text);

/* Says that the core faulted. */
void protocol_fault(protocol *p, uint32_t pc, uint32_t status);

#endif
