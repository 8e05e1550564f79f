/* Sparse rows times a vector (sparse_matvec.h), in portable C. */
#include "sparse_matvec.h"

#include "../src/target.h"

#ifndef HMD_NN_DSP /* else sparse_matvec_dsp.S */
#include <assert.h>

#include "../src/matvec.h"

/* |sum| < 2^23 and |multiplier| <= 2^15: the shifted product is below 2^22 in magnitude. */
static int16_t requantise(int32_t sum, const int16_t *entry) {
  assert(sum > -HMD_SUM_LIMIT && sum < HMD_SUM_LIMIT);
  const int32_t value = (int32_t)(((int64_t)sum * entry[0]) >> 16) + entry[1];
  return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

/* A piece's products; moves `batch` behind it. Their sum is below HMD_SUM_LIMIT in magnitude, and so
   is every part of it. */
static int32_t multiply(const int8_t **batch, uint32_t count, const int16_t *v) {
  int32_t sum = 0;
  for (; count > 0; count--, *batch += 2 * SPARSE_BATCH) {
    for (int i = 0; i < SPARSE_BATCH; i++) {
      sum += (*batch)[i] * v[(uint8_t)(*batch)[SPARSE_BATCH + i]];
    }
  }
  return sum;
}

const int8_t *sparse_matvec(const sparse_matrix *matrix, const int16_t *v, int16_t *values) {
  const uint8_t *piece = matrix->pieces;
  const int8_t *batch = matrix->batches;
  const int16_t *entry = matrix->table;
  for (; *piece != SPARSE_END; entry += 2) {
    int32_t sum = multiply(&batch, *piece++, v);
    for (uint32_t begin = SPARSE_SEGMENT; *piece != SPARSE_END && *piece & SPARSE_CONTINUES;
         begin += SPARSE_SEGMENT) {
      sum += multiply(&batch, *piece++ & ~(uint32_t)SPARSE_CONTINUES, v + begin);
    }
    *values++ = requantise(sum, entry);
  }
  return batch;
}
#endif
