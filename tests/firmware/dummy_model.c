/* A model small enough to check by hand: a running sum of the inputs, behind three ops.
   Input 0 picks a misbehaviour: 127 a failing op, 126 a read outside memory, 125 an endless loop,
   124 a stack overflow, 123 a write to flash. */
#include "hmd_model.h"

static int8_t input[4];
static int8_t output[2];
static struct {
  int32_t sum;
  float mean;
  int8_t scratch[64];
} arena;

static const hmd_model_info facts = {
    .name = "dummy",
    .input_bytes = sizeof input,
    .output_bytes = sizeof output,
    .arena_bytes = sizeof arena,
    .op_count = 3,
    .crc32 = 0x0BADCAFE,
};

const hmd_model_info *hmd_model(void) { return &facts; }
int hmd_model_init(void) {
  hmd_model_reset();
  return 0;
}
void *hmd_model_input(void) { return input; }
const void *hmd_model_output(void) { return output; }
void hmd_model_reset(void) { arena.sum = 0; }
const char *hmd_model_op_name(uint32_t op) {
  static const char *const names[] = {"ADD", "MEAN", "STORE"};
  return names[op];
}
uint32_t hmd_model_arena_high_water(void) { return sizeof arena - sizeof arena.scratch; }

static int overflow(int depth) {
  volatile char frame[64];
  frame[0] = (char)depth;
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static int add(void) {
  if (input[0] == 127) {
    hmd_model_log("ADD: 127 is ");
    hmd_model_log("refused\r\nby this op");
    return 42;
  }
  if (input[0] == 126) arena.sum = *(volatile int32_t *)0x30000000;
  if (input[0] == 123) *(volatile int32_t *)(uintptr_t)&facts = 0;
  if (input[0] == 124) return overflow(0);
  while (input[0] == 125) *(volatile int8_t *)input = 125;
  for (unsigned i = 0; i < sizeof input; ++i) arena.sum += input[i];
  return 0;
}

/* Floating point, a division and conditional instructions, for the emulator's sake. */
static int mean(void) {
  arena.mean = (float)arena.sum / (float)(int)sizeof input;
  if (arena.mean > 127.0f) arena.mean = 127.0f;
  if (arena.mean < -128.0f) arena.mean = -128.0f;
  return 0;
}

static int store(void) {
  output[0] = (int8_t)arena.sum;
  output[1] = (int8_t)arena.mean;
  return 0;
}

int hmd_model_run(void (*op_done)(void *), void *context) {
  static int (*const ops[])(void) = {add, mean, store};
  for (uint32_t op = 0; op < facts.op_count; ++op) {
    const int status = ops[op]();
    if (status) return status;
    op_done(context);
  }
  return 0;
}
