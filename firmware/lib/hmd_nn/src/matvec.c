/* Packed int8 rows times an int16 vector, requantised, in portable C. */
#include "dsp.h"
#include "matvec.h"

#ifndef HMD_NN_DSP /* else matvec_dsp.S */
#include <assert.h>

/* |sum| < 2^23 and |multiplier| <= 2^15: the shifted product is below 2^22 in magnitude. */
static int16_t requantise(int32_t sum, const int16_t *entry, int32_t limit) {
  assert(sum > -HMD_SUM_LIMIT && sum < HMD_SUM_LIMIT);
  const int32_t value = (int32_t)(((int64_t)sum * entry[0]) >> 16) + entry[1];
  return (int16_t)(value < -limit ? -limit : value >= limit ? limit - 1 : value);
}

void hmd_matvec(hmd_product *product, uint32_t rows, uint32_t columns, const int16_t *v) {
  const int32_t limit = (int32_t)1 << (product->bits - 1);
  const uint32_t stored_columns = columns + (columns & 1u);
  int16_t *values = product->values;
  for (uint32_t row = 0; row < rows; row += 4, values += product->group_stride) {
    const uint32_t pairs = rows - row > 2 ? 2 : 1;
    int32_t sums[4] = {0}; /* each below HMD_SUM_LIMIT: hmd_lstm_check_weights */
    for (uint32_t pair = 0; pair < pairs; pair++) {
      for (uint32_t column = 0; column < columns; column++) {
        const hmd_pair w = hmd_read_pair(product->weights, pairs, pair, column);
        sums[2 * pair] += w.lower * v[column];
        sums[2 * pair + 1] += w.upper * v[column];
      }
    }
    for (uint32_t i = 0; i < 2 * pairs && row + i < rows; i++) {
      values[i * product->row_stride] = requantise(sums[i], product->table + 2 * i, limit);
    }
    product->weights += 2u * pairs * stored_columns;
    product->table += 4u * pairs;
  }
}
#endif
