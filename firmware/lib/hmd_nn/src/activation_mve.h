/* Sigmoid and tanh of eight Q3.12 numbers (activation.h): Cortex-M with MVE. */
#ifndef HMD_NN_ACTIVATION_MVE_H_
#define HMD_NN_ACTIVATION_MVE_H_

#include <arm_mve.h>

#include "activation.h"

static inline int16x8_t hmd_sigmoid_x8(int16x8_t x) {
  const int16x8_t index = vaddq_n_s16(vshrq_n_s16(x, 6), 512);
  return vldrhq_gather_shifted_offset_s16(hmd_sigmoid_table, vreinterpretq_u16_s16(index));
}

/* tanh(x / 2): of a sigmoid s, 2 s - 2^15 modulo 2^16. */
static inline int16x8_t hmd_tanh_of_half_x8(int16x8_t x) {
  return vaddq_n_s16(vshlq_n_s16(hmd_sigmoid_x8(x), 1), INT16_MIN);
}

#endif
