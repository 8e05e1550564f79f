/* Packed int8 rows times an int16 vector, requantised (matvec.h): Cortex-M with MVE.

   A vector is eight columns of two packed rows. For each, one VMLADAV adds 256 A + B; VMOVLB, which
   leaves the low bytes, and a second VMLADAV add B alone: A and B are the sums of its two rows. */
#include "matvec.h"
#include "target.h"

#ifdef HMD_NN_MVE
#include <arm_mve.h>
#include <assert.h>

/* Two values of v in one word. */
typedef int32_t __attribute__((may_alias)) word;

/* Modulo 2^32; |A|, |B| < 2^23. */
typedef struct {
  int32_t both, lower; /* 256 A + B and B */
} sums;

static inline void add_columns(sums *s, int32x4_t weights, int16x8_t values) {
  s->both = vmladavaq_s16(s->both, vreinterpretq_s16_s32(weights), values);
  s->lower = vmladavaq_s16(s->lower, vmovlbq_s8(vreinterpretq_s8_s32(weights)), values);
}

static inline int32_t upper(sums s) {
  return (int32_t)((uint32_t)s.both - (uint32_t)s.lower) >> 8;
}

/* Words of weights and of v hold two columns each; v has `count` of them. */
static inline int32x4_t four_rows(const int32_t *w, const int32_t *v, uint32_t count) {
  const uint32x4_t even = {0, 2, 4, 6};
  sums first = {0, 0}, second = {0, 0};
  for (; count >= 4; count -= 4, w += 8, v += 4) {
    const int32x4x2_t weights = vld2q_s32(w);
    const int16x8_t values = vreinterpretq_s16_s32(vld1q_s32(v));
    add_columns(&first, weights.val[0], values);
    add_columns(&second, weights.val[1], values);
  }
  if (count > 0) {
    const mve_pred16_t p = vctp32q(count); /* other lanes are zero */
    const int16x8_t values = vreinterpretq_s16_s32(vld1q_z_s32(v, p));
    add_columns(&first, vldrwq_gather_shifted_offset_z_s32(w, even, p), values);
    add_columns(&second, vldrwq_gather_shifted_offset_z_s32(w + 1, even, p), values);
  }
  const int32x4_t result = {first.lower, upper(first), second.lower, upper(second)};
  return result;
}

static inline int32x4_t two_rows(const int32_t *w, const int32_t *v, uint32_t count) {
  sums s = {0, 0};
  for (int32_t left = (int32_t)count; left > 0; left -= 4, w += 4, v += 4) {
    const mve_pred16_t p = vctp32q((uint32_t)left);
    add_columns(&s, vld1q_z_s32(w, p), vreinterpretq_s16_s32(vld1q_z_s32(v, p)));
  }
  const int32x4_t result = {s.lower, upper(s), 0, 0};
  return result;
}

/* clamp(floor(sum * multiplier / 2^16) + bias): the upper word of sum * (multiplier * 2^16), below
   2^22, and the bias. The upper halves of multipliers do not matter. */
static inline int32x4_t requantise(int32x4_t sum, int32x4_t multipliers, int32x4_t biases,
                                   int32_t limit) {
  assert(vmaxavq_s32(0, sum) < HMD_SUM_LIMIT);
  const int32x4_t value = vaddq_s32(vmulhq_s32(sum, vshlq_n_s32(multipliers, 16)), biases);
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(-limit)), vdupq_n_s32(limit - 1));
}

/* Two columns, as the lower rows of HMD have: a lane is a packed pair of rows, eight rows at once. */
static void two_columns(hmd_product *product, uint32_t rows, const int16_t *v) {
  const int32_t limit = (int32_t)1 << (product->bits - 1);
  const int16x8_t x = vreinterpretq_s16_s32(vdupq_n_s32(*(const word *)v));
  const uint32x4_t fours = {0, 4, 8, 12};
  const uint32_t stride = product->row_stride, group = product->group_stride;
  const uint32x4_t even = {0, 2 * stride, group, group + 2 * stride};
  int16_t *values = product->values;
  for (int32_t left = (int32_t)rows; left > 0; left -= 8, values += 2 * group) {
    const uint32_t pairs = (uint32_t)(left + 1) / 2;
    const mve_pred16_t p = vctp32q(pairs);
    const int16x8_t w = vreinterpretq_s16_s32(vld1q_z_s32((const int32_t *)product->weights, p));
    const int16x8_t low = vmovlbq_s8(vreinterpretq_s8_s16(w));
    const int32x4_t both = vaddq_s32(vmullbq_int_s16(w, x), vmulltq_int_s16(w, x));
    const int32x4_t lower = vaddq_s32(vmullbq_int_s16(low, x), vmulltq_int_s16(low, x));
    const int32x4_t upper = vshrq_n_s32(vsubq_s32(both, lower), 8);
    const int16_t *table = product->table;
    const int32x4_t entries[4] = {vldrhq_gather_shifted_offset_z_s32(table, fours, p),
                                  vldrhq_gather_shifted_offset_z_s32(table + 1, fours, p),
                                  vldrhq_gather_shifted_offset_z_s32(table + 2, fours, p),
                                  vldrhq_gather_shifted_offset_z_s32(table + 3, fours, p)};
    vstrhq_scatter_shifted_offset_p_s32(
        values, even, requantise(lower, entries[0], entries[1], limit), p);
    vstrhq_scatter_shifted_offset_p_s32(values + stride, even,
                                        requantise(upper, entries[2], entries[3], limit),
                                        vctp32q((uint32_t)left / 2));
    const uint32_t done = pairs < 4 ? pairs : 4;
    product->weights += 4 * done;
    product->table += 4 * done;
  }
}

void hmd_matvec(hmd_product *product, uint32_t rows, uint32_t columns, const int16_t *v) {
  const int32_t limit = (int32_t)1 << (product->bits - 1);
  const uint32x4_t offsets = vmulq_n_u32(vidupq_n_u32(0, 1), product->row_stride);
  const uint32_t words = (columns + 1) / 2;
  int16_t *values = product->values;
  if (words == 1) {
    two_columns(product, rows, v);
    return;
  }
  for (uint32_t row = 0; row < rows; row += 4, values += product->group_stride) {
    const uint32_t left = rows - row, stored = left > 2 ? 4 : 2;
    const int32_t *w = (const int32_t *)product->weights;
    const int32x4_t sum = stored == 4 ? four_rows(w, (const int32_t *)v, words)
                                      : two_rows(w, (const int32_t *)v, words);
    const int32x4_t entries =
        vreinterpretq_s32_s16(vldrhq_z_s16(product->table, vctp16q(2 * stored)));
    const int32x4_t value = requantise(sum, entries, vshrq_n_s32(entries, 16), limit);
    vstrhq_scatter_shifted_offset_p_s32(values, offsets, value, vctp32q(left));
    product->weights += stored * 2 * words;
    product->table += 2 * stored;
  }
}
#endif
