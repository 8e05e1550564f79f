/* The element-wise arithmetic of a step: its gates to new c and h. */
#ifndef HMD_NN_LSTM_ELEMENTWISE_H_
#define HMD_NN_LSTM_ELEMENTWISE_H_

#include <assert.h>

#include "activation.h"
#include "target.h"

#ifndef HMD_NN_PORTABLE /* lstm_elementwise_dsp.S, lstm_elementwise_mve.c */
void hmd_lstm_update(const int16_t *pre, int16_t *c, int8_t *h, int16_t *v, uint32_t units,
                     int cell_shift, int h_shift);
#else
static inline int32_t hmd_clamp(int32_t value, int32_t limit) {
  return value < -limit ? -limit : value >= limit ? limit - 1 : value;
}

/* New c and h. pre is [units][4]: the gates i, f, c, o. h goes to v too, for the next step.
   Sigmoids lie in 0..2^15 - 11, tanh in +-(2^15 - 22), so that the sums stay under 2^31:
   f c < 2^30, i g >> 3 < 2^27; o tanh(c) < 2^30. */
static inline void hmd_lstm_update(const int16_t *pre, int16_t *c, int8_t *h, int16_t *v,
                                   uint32_t units, int cell_shift, int h_shift) {
  const int32_t twice = 2 << cell_shift, h_unit = 1 << h_shift;
  for (uint32_t unit = 0; unit < units; unit++, pre += 4) {
    const int32_t i = hmd_sigmoid(pre[0]), f = hmd_sigmoid(pre[1]);
    const int32_t g = hmd_tanh_of_half(pre[2]), o = hmd_sigmoid(pre[3]);
    const int32_t added = (i * g) >> (3 + cell_shift);
    assert(i >= 0 && i < 1 << 15 && f >= 0 && f < 1 << 15 && o >= 0 && o < 1 << 15);
    assert(added >= -(1 << 27) && added < 1 << 27);
    const int32_t sum = f * c[unit] + added + (1 << 14);
    const int32_t cell = hmd_clamp(sum >> 15, 1 << 15);
    const int32_t tanh_cell = hmd_tanh_of_half((int16_t)hmd_clamp(cell * twice, 1 << 15));
    assert(tanh_cell > -(1 << 15) && tanh_cell < 1 << 15);
    const int32_t hidden = hmd_clamp((o * tanh_cell + (1 << 22)) >> 23, 128);
    c[unit] = (int16_t)cell;
    h[unit] = (int8_t)hidden;
    v[unit] = (int16_t)(hidden * h_unit);
  }
}
#endif

#endif
