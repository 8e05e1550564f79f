/* Rows of an int8 matrix times an int8 vector, added to sums. Rows follow each other without gaps,
   so that they may lie at any address. */
#ifndef HMD_NN_DOT_H_
#define HMD_NN_DOT_H_

#include <stdint.h>

#include "target.h"

#if defined(HMD_NN_MVE)
#include <arm_mve.h>

static inline int32_t hmd_dot(const int8_t *row, const int8_t *x, uint32_t columns, int32_t sum) {
  for (int32_t left = (int32_t)columns; left > 0; left -= 16, row += 16, x += 16) {
    const mve_pred16_t p = vctp8q((uint32_t)left);
    sum = vmladavaq_s8(sum, vldrbq_z_s8(row, p), vldrbq_z_s8(x, p));
  }
  return sum;
}

static inline void hmd_dot4(const int8_t *rows, const int8_t *x, uint32_t columns,
                            int32_t sums[4]) {
  for (int row = 0; row < 4; row++, rows += columns) {
    sums[row] = hmd_dot(rows, x, columns, sums[row]);
  }
}
#else
static inline int32_t hmd_dot(const int8_t *row, const int8_t *x, uint32_t columns, int32_t sum) {
  for (uint32_t i = 0; i < columns; i++) sum += row[i] * x[i];
  return sum;
}
#ifdef HMD_NN_DSP /* dot_dsp.S */
void hmd_dot4(const int8_t *rows, const int8_t *x, uint32_t columns, int32_t sums[4]);
#else
static inline void hmd_dot4(const int8_t *rows, const int8_t *x, uint32_t columns,
                            int32_t sums[4]) {
  const int8_t *const end = rows + columns, *last = rows + 3 * columns;
  int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  for (; rows != end; rows++, last++, x++) {
    const int32_t value = *x;
    sum0 += rows[0] * value;
    sum1 += rows[columns] * value;
    sum2 += rows[2 * columns] * value;
    sum3 += *last * value;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}
#endif
#endif
#endif
