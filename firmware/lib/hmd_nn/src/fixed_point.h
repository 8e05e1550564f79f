/* Fixed-point arithmetic as gemmlowp and TensorFlow Lite round it.
   Right shifts of negative numbers are arithmetic and conversions to int32_t are modular: C99
   leaves both to the compiler, and gcc and clang define them so. */
#ifndef HMD_NN_FIXED_POINT_H_
#define HMD_NN_FIXED_POINT_H_

#include <assert.h>
#include <stdint.h>

#include "hmd_builtin.h"

/* value * 2^bits, which the caller knows to fit; bits 0..31. */
static inline int32_t hmd_shift_left(int32_t value, int32_t bits) {
  return (int32_t)((uint32_t)value << bits);
}

/* value / 2^bits, halves away from zero; bits 1..31. Not of -2^31, and of 2^31 - 1 not by one bit. */
static inline int32_t hmd_shift_right(int32_t value, int32_t bits) {
  assert(value > INT32_MIN && (bits > 1 || value < INT32_MAX));
  const int32_t below = value - (value < 0); /* whose halves are to be rounded up */
  return ((below >> (bits - 1)) + 1) >> 1;
}

/* a * b / 2^31, halves up: the product of Q0.31 numbers. Not both -2^31. */
static inline int32_t hmd_high_product(int32_t a, int32_t b) {
#ifdef __thumb2__
  uint32_t low;
  int32_t high; /* the carry is bit 30 of the product, the next one below the result */
  __asm__("smull %0, %1, %2, %3\n\tlsrs %0, %0, #31\n\tadc %1, %0, %1, lsl #1"
          : "=&r"(low), "=&r"(high)
          : "r"(a), "r"(b)
          : "cc");
  return high;
#else
  return (int32_t)(((int64_t)a * b + (INT32_C(1) << 30)) >> 31);
#endif
}

#define HMD_MULTIPLY_LIMIT (INT32_MAX - 255)

/* value times a real number, rounded twice. |value| 2^shift, and so the result, is below
   HMD_MULTIPLY_LIMIT, which leaves room to add a zero point. */
static inline int32_t hmd_multiply(int32_t value, hmd_multiplier by) {
  if (by.shift < 0) return hmd_shift_right(hmd_high_product(value, by.multiplier), -by.shift);
  assert(value * (INT64_C(1) << by.shift) < HMD_MULTIPLY_LIMIT);
  assert(value * (INT64_C(1) << by.shift) > -HMD_MULTIPLY_LIMIT);
  return hmd_high_product(hmd_shift_left(value, by.shift), by.multiplier);
}

/* A result of hmd_multiply as int8. */
static inline int8_t hmd_to_int8(int32_t value, hmd_output output) {
  const int32_t moved = value + output.zero_point;
  return (int8_t)(moved < output.minimum   ? output.minimum
                  : moved > output.maximum ? output.maximum
                                           : moved);
}

#endif
