/* A model that keeps an emulator busy: multiply-accumulate loops, and straight code over pages. */
#include "hmd_model.h"

static int8_t input[256];
static int32_t output;
static int8_t weights[256];

static const hmd_model_info facts = {
    .name = "busy",
    .input_bytes = sizeof input,
    .output_bytes = sizeof output,
    .arena_bytes = 0,
    .op_count = 3,
};

const hmd_model_info *hmd_model(void) { return &facts; }
int hmd_model_init(void) {
  for (int i = 0; i < 256; ++i) weights[i] = (int8_t)i;
  return 0;
}
void *hmd_model_input(void) { return input; }
const void *hmd_model_output(void) { return &output; }
void hmd_model_reset(void) {}
const char *hmd_model_op_name(uint32_t op) {
  static const char *const names[] = {"MAC", "STRAIGHT", "BRANCHES"};
  return names[op];
}
uint32_t hmd_model_arena_high_water(void) { return 0; }

/* Rounds of 256 multiply-accumulates in an inner loop: 2.5 million with input 1 = 100. */
static void mac(void) {
  for (int round = 0; round < input[1] * 100; ++round) {
    for (int i = 0; i < 256; ++i) output += input[i] * weights[i];
  }
}

#define TIMES_10(x) x x x x x x x x x x
#define STEP                                  \
  sum = sum * 1664525u + 1013904223u;         \
  if (sum & 1u) sum ^= (uint32_t)(sum >> 13); \
  else sum += 77u;

/* 10,000 and more instructions without a loop, with conditional instructions. */
static void straight(void) {
  uint32_t sum = (uint32_t)output;
  TIMES_10(TIMES_10(TIMES_10(STEP)))
  output = (int32_t)sum;
}

static uint32_t pick(uint32_t x) {
  switch (x % 7) {
    case 0: return x + 1;
    case 1: return x * 3;
    case 2: return x ^ 0x55u;
    case 3: return x / 3;
    case 4: return x << 2 | x >> 30;
    case 5: return ~x;
    default: return x - 9;
  }
}

static void branches(void) {
  uint32_t x = (uint32_t)output;
  for (int i = 0; i < 1000; ++i) x = pick(x);
  output = (int32_t)x;
}

int hmd_model_run(void (*op_done)(void *), void *context) {
  static void (*const ops[])(void) = {mac, straight, branches};
  for (uint32_t op = 0; op < facts.op_count; ++op) {
    ops[op]();
    op_done(context);
  }
  return 0;
}
