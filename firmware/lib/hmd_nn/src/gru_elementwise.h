/* The element-wise arithmetic of a step: the reset of h, and its update. */
#ifndef HMD_NN_GRU_ELEMENTWISE_H_
#define HMD_NN_GRU_ELEMENTWISE_H_

#include <assert.h>

#include "activation.h"
#include "target.h"

/* value / 2^bits, halves up. */
static inline int32_t hmd_rounded(int32_t value, int bits) {
  return (value + (1 << (bits - 1))) >> bits;
}

/* h to columns, without the bits beyond theirs: magnitudes of 128 * 2^h_shift at most. */
static inline void hmd_gru_columns(const int16_t *h, uint32_t units, int h_shift, int16_t *v) {
  for (uint32_t unit = 0; unit < units; unit++) v[unit] = (int16_t)hmd_rounded(h[unit], 8 - h_shift);
}

#ifndef HMD_NN_PORTABLE /* gru_elementwise_dsp.S, gru_elementwise_mve.c */
void hmd_gru_reset(const int16_t *gates, const int16_t *h, uint32_t units, int h_shift, int16_t *v);
void hmd_gru_update(const int16_t *gates, const int16_t *candidate, int16_t *h, int8_t *y,
                    uint32_t units, int h_shift, int16_t *v);
#else
/* r h to columns. gates is [units][2]: z and r. r < 2^15 and |h| <= 2^15, so the product is below
   2^30, and a column no larger than those of h. */
static inline void hmd_gru_reset(const int16_t *gates, const int16_t *h, uint32_t units,
                                 int h_shift, int16_t *v) {
  for (uint32_t unit = 0; unit < units; unit++) {
    const int32_t r = hmd_sigmoid(gates[2 * unit + 1]);
    const int32_t column = hmd_rounded(r * h[unit], 23 - h_shift);
    assert(column >= -(128 << h_shift) && column <= 128 << h_shift);
    v[unit] = (int16_t)column;
  }
}

/* New h, between the old one and g, its columns, and y. With 0 < z < 2^15, |h| <= 2^15 and
   |g| <= 2^15 - 22, z (h - g) is below (2^15 - 11) (2^16 - 22) < 2^31 - 2^14. */
static inline void hmd_gru_update(const int16_t *gates, const int16_t *candidate, int16_t *h,
                                  int8_t *y, uint32_t units, int h_shift, int16_t *v) {
  for (uint32_t unit = 0; unit < units; unit++) {
    const int32_t z = hmd_sigmoid(gates[2 * unit]), g = hmd_tanh_of_half(candidate[unit]);
    assert(z >= 11 && z <= (1 << 15) - 11 && g >= 22 - (1 << 15) && g <= (1 << 15) - 22);
    const int32_t hidden = g + hmd_rounded(z * (h[unit] - g), 15);
    assert(hidden >= -(1 << 15) && hidden < 1 << 15);
    const int32_t output = hmd_rounded(hidden, 8); /* -128..128 */
    h[unit] = (int16_t)hidden;
    y[unit] = (int8_t)(output > 127 ? 127 : output);
    v[unit] = (int16_t)hmd_rounded(hidden, 8 - h_shift);
  }
}
#endif

#endif
