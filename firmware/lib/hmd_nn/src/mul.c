/* MUL of two int8 tensors. */
#include "fixed_point.h"

void hmd_mul_s8(const hmd_mul *mul, uint32_t length, const int8_t *a, const int8_t *b,
                int8_t *output) {
  for (uint32_t i = 0; i < length; i++) {
    /* At most 255^2 in magnitude. */
    const int32_t product = (a[i] - mul->a_zero_point) * (b[i] - mul->b_zero_point);
    output[i] = hmd_to_int8(hmd_multiply(product, mul->product), mul->output);
  }
}
