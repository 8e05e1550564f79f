/* Reads Renode's binary execution traces (PCAndOpcode) and counts what they say was executed.

   A trace is read in pieces of any size; what a piece ends in the middle of is left to the next. A
   run of code without a jump is one block to the counter, cut where a given address (the function
   that reads the cycle counter) begins, so that the totals there can be noted. */
#include <stdint.h>
#include <string.h>

enum { LONGEST_RUN = 128 /* bytes */, PC_BYTES = 4 };

void counter_enter(void *counter, uint32_t address, uint32_t size); /* counter.c */

/* Mirrored in hmd_tflm/simulate/trace.py. */
typedef struct {
  void *counter;
  void (*note)(void); /* called when the code at the marked address has been entered */
  uint32_t mark;
  uint32_t address, size; /* of the run that is being gathered; size 0 = none */
  uint64_t instructions;
} trace;

void trace_flush(trace *t) {
  if (t->size == 0) return;
  counter_enter(t->counter, t->address, t->size);
  if (t->address == t->mark) t->note();
  t->size = 0;
}

static void take(trace *t, uint32_t pc, uint32_t length) {
  t->instructions++;
  if (pc == t->address + t->size && pc != t->mark && t->size < LONGEST_RUN) {
    t->size += length; /* also where nothing was gathered: from address 0 nothing is executed */
    return;
  }
  trace_flush(t);
  t->address = pc;
  t->size = length;
}

/* How many of these bytes were read; what is left is less than one record. -1 - offset where a
   record is not one of executed Thumb code without additional data. */
int64_t trace_feed(trace *t, const uint8_t *data, uint64_t count) {
  uint64_t at = 0;
  for (;;) {
    if (count - at < PC_BYTES + 1) return (int64_t)at;
    uint32_t pc;
    memcpy(&pc, data + at, sizeof pc);
    const uint32_t length = data[at + PC_BYTES];
    if (length != 2 && length != 4) return -1 - (int64_t)at;
    const uint64_t end = at + PC_BYTES + 1 + length; /* of the code; then no additional data: 0 */
    if (count < end + 1) return (int64_t)at;
    if (data[end] != 0) return -1 - (int64_t)at;
    take(t, pc, length);
    at = end + 1;
  }
}
