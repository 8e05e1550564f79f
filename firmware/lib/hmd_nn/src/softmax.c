/* SOFTMAX in fixed point: exponentials of the distance to the row's largest value, over their sum.
   Qm.n is an int32_t with m integer and n fractional bits. */
#include "fixed_point.h"

#ifndef HMD_NN_WITH_CMSIS_NN /* else cmsis_nn.c */

#define Q31_ONE INT32_MAX /* the nearest to 1.0 */

/* exp(x) as Q0.31, for x = a - 1/8 in [-1/4, 0): exp(-1/8) times the Taylor series of exp(a).
   |a| <= 1/8, so every partial sum stays below 1/4. */
static int32_t exp_small(int32_t x) {
  const int32_t exp_of_minus_eighth = 1895147668;
  const int32_t third = 715827883;
  const int32_t a = x + (INT32_C(1) << 28);
  const int32_t a2 = hmd_high_product(a, a);
  const int32_t a3 = hmd_high_product(a2, a);
  const int32_t a4 = hmd_high_product(a2, a2);
  /* a^2/2 + a^3/6 + a^4/24 */
  const int32_t tail =
      hmd_shift_right(hmd_high_product(hmd_shift_right(a4, 2) + a3, third) + a2, 1);
  return exp_of_minus_eighth + hmd_high_product(exp_of_minus_eighth, a + tail);
}

/* exp(x) as Q0.31, for x in Q5.26 and -32 < x <= 0. */
static int32_t exp_negative(int32_t x) {
  static const int32_t exp_of_minus_power[7] = {/* exp(-2^i), i = -2..4 */
      1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = INT32_C(1) << 24;
  if (x == 0) {
    return Q31_ONE;
  }
  const int32_t small = (x & (quarter - 1)) - quarter; /* -1/4..0, congruent to x */
  const int32_t quarters = (small - x) >> 24;          /* 0..127 */
  int32_t result = exp_small(small * 32);
  for (int32_t i = 0; i < 7; i++) {
    if (quarters & (INT32_C(1) << i)) {
      result = hmd_high_product(result, exp_of_minus_power[i]);
    }
  }
  return result;
}

/* 1 / (1 + x) as Q0.31, for x in Q0.31 and 0 <= x < 1: half of 1 / d for d = (1 + x) / 2, by
   Newton's iteration. Its estimate y, in Q2.29, starts as 48/17 - 32/17 d, within 1/17 of 1..2. */
static int32_t inverse_of_one_plus(int32_t x) {
  const int32_t d = (x >> 1) + (INT32_C(1) << 30);
  int32_t y = 1515870810 + hmd_high_product(d, -1010580540);
  for (int32_t i = 0; i < 3; i++) {
    const int32_t error = (INT32_C(1) << 29) - hmd_high_product(d, y); /* |error| <= 1/17 */
    y += hmd_high_product(y, error) * 4;
  }
  return y < INT32_C(1) << 30 ? y * 2 : Q31_ONE;
}

/* |value - largest| <= |diff_min| <= 31 * 2^26 / 2^left_shift: the shifted value fits. */
static int32_t exp_of(const hmd_softmax *softmax, int32_t value, int32_t largest) {
  const int32_t wide = hmd_shift_left(value - largest, softmax->left_shift);
  return exp_negative(hmd_high_product(wide, softmax->multiplier));
}

enum { KEPT = 32 }; /* exponentials from the first pass to the second; others are computed again */

static void softmax_row(const hmd_softmax *softmax, uint32_t depth, const int8_t *input,
                        int8_t *output) {
  int32_t largest = INT8_MIN;
  for (uint32_t i = 0; i < depth; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  int32_t kept[KEPT];
  int32_t sum = 0; /* Q12.19: 2^19 at least, and below 2^28 for 511 values of at most 1 */
  for (uint32_t i = 0; i < depth; i++) {
    if (input[i] - largest >= softmax->diff_min) {
      const int32_t value = exp_of(softmax, input[i], largest);
      if (i < KEPT) kept[i] = value;
      sum += hmd_shift_right(value, 12);
    }
  }
  assert(sum >= INT32_C(1) << 19 && sum < INT32_C(1) << 28);
  int32_t exponent = 23; /* 23..31: the sum is (1 + x) 2^(exponent - 23) */
  while (sum >> (exponent - 3)) {
    exponent++;
  }
  const int32_t x = hmd_shift_left(sum, 35 - exponent) & INT32_MAX; /* less its leading one */
  const int32_t inverse = inverse_of_one_plus(x);
  for (uint32_t i = 0; i < depth; i++) {
    int32_t result = INT8_MIN;
    if (input[i] - largest >= softmax->diff_min) {
      const int32_t value = i < KEPT ? kept[i] : exp_of(softmax, input[i], largest);
      result += hmd_shift_right(hmd_high_product(inverse, value), exponent);
    }
    output[i] = (int8_t)(result > INT8_MAX ? INT8_MAX : result);
  }
}

void hmd_softmax_s8(const hmd_softmax *softmax, uint32_t rows, uint32_t depth,
                    const int8_t *input, int8_t *output) {
  for (uint32_t row = 0; row < rows; row++, input += depth, output += depth) {
    softmax_row(softmax, depth, input, output);
  }
}
#endif
