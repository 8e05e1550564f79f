/* int8 values to columns: what the products take in. */
#ifndef HMD_NN_EXPAND_H_
#define HMD_NN_EXPAND_H_

#include <assert.h>
#include <stdint.h>

#include "target.h"

#ifndef HMD_NN_PORTABLE /* expand_dsp.S, expand_mve.c */
void hmd_expand(const int8_t *values, uint32_t count, int zero_point, int shift, int16_t *v);
#else
/* v = (values - zero_point) << shift: magnitudes of 255 * 2^7 at most. */
static inline void hmd_expand(const int8_t *values, uint32_t count, int zero_point, int shift,
                              int16_t *v) {
  const int32_t unit = 1 << shift;
  for (uint32_t i = 0; i < count; i++) {
    const int32_t column = (values[i] - zero_point) * unit;
    assert(column >= -255 * 128 && column <= 255 * 128);
    v[i] = (int16_t)column;
  }
}
#endif

#endif
