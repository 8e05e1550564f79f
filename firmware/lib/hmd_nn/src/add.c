/* ADD of two int8 tensors. */
#include "fixed_point.h"

void hmd_add_s8(const hmd_add *add, uint32_t length, const int8_t *a, const int8_t *b,
                int8_t *output) {
  for (uint32_t i = 0; i < length; i++) {
    /* Below 2^28 in magnitude, and below 2^27 once scaled by 1/2 or less: the sum below 2^28. */
    const int32_t wide_a = (a[i] - add->a_zero_point) * (INT32_C(1) << 20);
    const int32_t wide_b = (b[i] - add->b_zero_point) * (INT32_C(1) << 20);
    const int32_t sum = hmd_multiply(wide_a, add->a) + hmd_multiply(wide_b, add->b);
    output[i] = hmd_to_int8(hmd_multiply(sum, add->sum), add->output);
  }
}
