/* Packed int8 rows times an int16 vector, requantised: the one product of the op. */
#ifndef HMD_NN_MATVEC_H_
#define HMD_NN_MATVEC_H_

#include <stdint.h>

#define HMD_SUM_LIMIT (1 << 23) /* of the magnitude of every dot product */
enum { HMD_PROJECTION_BITS = 12, HMD_PRE_ACTIVATION_BITS = 16 };

/* A product in progress: where row r of its result goes, namely to
   values[(r / 4) * group_stride + (r % 4) * row_stride], and its matrix. */
typedef struct {
  int16_t *values;
  uint32_t bits; /* that a value saturates to: 12 or 16 */
  uint32_t group_stride, row_stride;
  const int8_t *weights; /* groups of four rows, the last perhaps of two (packing.py) */
  const int16_t *table;  /* multiplier, bias of each stored row */
} hmd_product;

/* The weights of two rows in one column. */
typedef struct {
  int32_t lower, upper; /* -128..127, -128..128 */
} hmd_pair;

/* Of a group with `pairs` pairs of rows; its columns are stored two at a time. */
static inline hmd_pair hmd_read_pair(const int8_t *group, uint32_t pairs, uint32_t pair,
                                     uint32_t column) {
  const int8_t *w = group + 2u * (2u * ((column / 2u) * pairs + pair) + column % 2u);
  const hmd_pair result = {w[0], w[1] + (w[0] < 0)};
  return result;
}

/* clamp(floor(sum * multiplier / 2^16) + bias) for each row. Moves the product's weights and table
   behind the matrix. v has an even number of columns' values: zero behind the last. */
void hmd_matvec(hmd_product *product, uint32_t rows, uint32_t columns, const int16_t *v);

#endif
