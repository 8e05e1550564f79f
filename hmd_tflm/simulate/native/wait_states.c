/* Wait states of an STM32F4's flash behind its accelerator (RM0090, 3.4.2): another hook for Unicorn.

   The flash gives lines of 16 bytes, each after wait_states cycles. 64 lines of code and 8 of data
   are kept, the one unused for longest goes first. While code of a line is executed, the next line
   is read ahead. Sequential code is asked for up to three cycles before it executes (the core's
   fetch unit), so that shorter waits are not felt.

   Blocks of code are cut at the lines and the pieces counted by a counter of their own, which gives
   the cycle in which each line is due.

   Unicorn 2.1.4 writes the state of an IT block back to the core before it calls a hook for a read,
   and does not take it away again: code after the next indirect branch would run as if it stood in
   that block. While a block of code runs that state is always empty, so the hook clears it. */
#include <stdint.h>
#include <stdlib.h>

#define LINE_BITS 4
#define CODE_LINES 64u
#define DATA_LINES 8u
#define HINTS 256u
#define AHEAD 3
#define NO_LINE UINT32_MAX
#define EPSR_T (1u << 24) /* Thumb, and no IT block (Armv7-M ARM, B1.4.2) */

typedef struct {
  uint32_t count;
  uint32_t line[CODE_LINES]; /* address >> LINE_BITS */
  uint64_t used[CODE_LINES]; /* by clock */
  uint64_t clock;
  uint8_t hint[HINTS]; /* where a line was last, by its lowest bits */
} cache;

void counter_enter(void *counter, uint32_t address, uint32_t size); /* counter.c */

/* The fields up to `size` are mirrored in hmd_tflm/simulate/cycles/wait_states.py. */
typedef struct {
  const uint32_t *current; /* the emulation's counter's; UINT32_MAX = the block is not entered */
  void *pieces;            /* a counter */
  const uint64_t *cycles;  /* its total */
  const uint8_t *flash;
  int (*write)(void *uc, int reg, const void *value); /* uc_reg_write */
  uint64_t total;                                     /* cycles of waiting before the current block */
  int32_t epsr;                                       /* UC_ARM_REG_EPSR */
  uint32_t wait_states;
  uint32_t origin, size; /* of the flash, bytes */
  uint32_t last;         /* line executed */
  uint32_t ahead;        /* line that is read ahead, or NO_LINE */
  int64_t ready;         /* when it is there */
  uint64_t stalls;       /* cycles of waiting so far */
  cache code, data;
} waits;

waits *waits_new(void) {
  waits *w = calloc(1, sizeof *w);
  if (w == NULL) return NULL;
  w->code.count = CODE_LINES;
  w->data.count = DATA_LINES;
  for (uint32_t i = 0; i < CODE_LINES; i++) w->code.line[i] = w->data.line[i] = NO_LINE;
  w->last = w->ahead = NO_LINE;
  return w;
}

void waits_free(waits *w) { free(w); }

/* Where a line is, c->count where it is not. */
static uint32_t find(cache *c, uint32_t line) {
  uint32_t i = c->hint[line % HINTS];
  if (c->line[i] == line) return i;
  for (i = 0; i < c->count && c->line[i] != line; i++) continue;
  if (i < c->count) c->hint[line % HINTS] = (uint8_t)i;
  return i;
}

/* Makes a line the last one used. Returns whether it was there. */
static int use(cache *c, uint32_t line) {
  uint32_t i = find(c, line);
  const int hit = i < c->count;
  if (!hit) {
    i = 0;
    for (uint32_t other = 1; other < c->count; other++) {
      if (c->used[other] < c->used[i]) i = other;
    }
    c->line[i] = line;
    c->hint[line % HINTS] = (uint8_t)i;
  }
  c->used[i] = ++c->clock;
  return hit;
}

/* Code of a line is due `now`. Returns the cycles that it comes too late. */
static uint32_t fetch(waits *w, uint32_t line, int64_t now) {
  int64_t there = line == w->last + 1 ? now - AHEAD : now;
  if (!use(&w->code, line)) {
    if (line != w->ahead) {
      there += w->wait_states;
    } else if (there < w->ready) {
      there = w->ready;
    }
  }
  w->last = line;
  w->ahead = NO_LINE;
  if (find(&w->code, line + 1) == w->code.count) {
    w->ahead = line + 1;
    w->ready = there + w->wait_states + 1;
  }
  return there > now ? (uint32_t)(there - now) : 0;
}

/* Where the instruction at an address ends: Armv7-M ARM, A5.1. */
static uint32_t after(const waits *w, uint32_t address) {
  return address + (w->flash[address + 1 - w->origin] >> 3 >= 0x1D ? 4 : 2);
}

/* A uc_cb_hookcode_t for UC_HOOK_BLOCK, to be called after counter_block. */
void waits_block(void *uc, uint64_t address, uint32_t size, void *user) {
  waits *w = user;
  (void)uc;
  if (*w->current == UINT32_MAX) return;
  w->total = w->stalls;
  if ((uint32_t)address - w->origin >= w->size) {
    counter_enter(w->pieces, (uint32_t)address, size);
    return;
  }
  const uint32_t end = (uint32_t)address + size;
  for (uint32_t at = (uint32_t)address; at < end;) {
    uint32_t next = after(w, at);
    const uint32_t line = (next - 1) >> LINE_BITS;
    while (next < end && (after(w, next) - 1) >> LINE_BITS == line) next = after(w, next);
    counter_enter(w->pieces, at, next - at);
    if (line != w->last) w->stalls += fetch(w, line, (int64_t)(*w->cycles + w->stalls));
    at = next;
  }
}

/* A uc_cb_hookmem_t for UC_HOOK_MEM_READ in the flash. */
void waits_read(void *uc, int type, uint64_t address, int size, int64_t value, void *user) {
  waits *w = user;
  const uint32_t line = (uint32_t)address >> LINE_BITS, no_it = EPSR_T;
  (void)type, (void)size, (void)value;
  w->write(uc, w->epsr, &no_it);
  if (!use(&w->data, line)) w->stalls += w->wait_states;
}
