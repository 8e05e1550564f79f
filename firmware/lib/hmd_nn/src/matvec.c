/* Packed int8 rows times an int16 vector, requantised, in portable C. */
#include "target.h"
#include "matvec.h"

#ifdef HMD_NN_PORTABLE
#include <assert.h>

/* Two columns in one little-endian word: packed pairs of two rows, or values of v. */
typedef uint32_t __attribute__((may_alias)) word;

/* Sums over two packed rows modulo 2^32. The rows' own, A and B, are below 2^23 in magnitude. */
typedef struct {
  uint32_t both, lower; /* 256 A + B and B */
} sums;

/* Products are below 2^30 in magnitude, those of the lower row below 2^22. */
static inline void add_columns(sums *s, uint32_t weights, uint32_t values) {
  const int32_t w0 = (int16_t)weights, w1 = (int32_t)weights >> 16;
  const int32_t v0 = (int16_t)values, v1 = (int32_t)values >> 16;
  s->both += (uint32_t)(w0 * v0);
  s->lower += (uint32_t)((int8_t)w0 * v0);
  s->both += (uint32_t)(w1 * v1);
  s->lower += (uint32_t)((int8_t)w1 * v1);
}

static inline void unpack(sums s, int32_t *results) {
  results[0] = (int32_t)s.lower;
  results[1] = (int32_t)(s.both - s.lower) >> 8;
}

/* Not inlined: the loop needs all registers that a Cortex-M0 or M3 has. */
static __attribute__((noinline)) const word *four_rows(const word *w, const word *v,
                                                       const word *v_end, int32_t results[4]) {
  sums first = {0, 0}, second = {0, 0};
  for (; v != v_end; v++, w += 2) {
    const uint32_t values = *v;
    add_columns(&first, w[0], values);
    add_columns(&second, w[1], values);
  }
  unpack(first, results);
  unpack(second, results + 2);
  return w;
}

static const word *two_rows(const word *w, const word *v, const word *v_end, int32_t results[2]) {
  sums s = {0, 0};
  while (v != v_end) add_columns(&s, *w++, *v++);
  unpack(s, results);
  return w;
}

/* clamp(floor(sum * multiplier / 2^16) + bias), with the product in halves: that of 64 bits is slow
   or missing on small cores. |sum| < 2^23 and |multiplier| <= 2^15: the lower half is below 2^31 in
   magnitude, the upper 2^22, and the result below 2^22 + 2^15. */
static int16_t requantise(int32_t sum, const int16_t *entry, int32_t limit) {
  assert(sum > -HMD_SUM_LIMIT && sum < HMD_SUM_LIMIT);
  const int32_t low = (sum & 0xFFFF) * entry[0];
  const int32_t value = (sum >> 16) * entry[0] + (low >> 16) + entry[1];
  assert(value >= -(1 << 22) - (1 << 15) && value < (1 << 22) + (1 << 15));
  return (int16_t)(value < -limit ? -limit : value >= limit ? limit - 1 : value);
}

void hmd_matvec(hmd_product *product, uint32_t rows, uint32_t columns, const int16_t *v) {
  const int32_t limit = (int32_t)1 << (product->bits - 1);
  const word *const begin = (const word *)v, *const end = begin + (columns + 1) / 2;
  const word *w = (const word *)product->weights;
  int16_t *values = product->values;
  for (uint32_t row = 0; row < rows; row += 4, values += product->group_stride) {
    const uint32_t left = rows - row;
    int32_t results[4];
    w = left > 2 ? four_rows(w, begin, end, results) : two_rows(w, begin, end, results);
    int16_t *value = values;
    for (uint32_t i = 0; i < 4 && i < left; i++, value += product->row_stride) {
      *value = requantise(results[i], product->table + 2 * i, limit);
    }
    product->table += left > 2 ? 8 : 4;
  }
  product->weights = (const int8_t *)w;
}
#endif
