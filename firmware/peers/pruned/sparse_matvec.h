/* Sparse int8 rows times an int16 vector, requantised: what a pruned layer needs instead of hmd_matvec.

   Columns fall into segments of 256, so that one byte is a column's index. A row has a piece for each
   segment, and a piece its weights in batches of four: four weights, then their four columns.
   A batch that is not full has zeros. */
#ifndef SPARSE_MATVEC_H_
#define SPARSE_MATVEC_H_

#include <stdint.h>

enum {
  SPARSE_SEGMENT = 256,   /* columns */
  SPARSE_BATCH = 4,       /* weights */
  SPARSE_CONTINUES = 128, /* in a piece's byte: it goes on with the row of the piece before */
  SPARSE_END = 255        /* behind the last piece */
};

typedef struct {
  const int8_t *batches; /* aligned to 4 bytes */
  const uint8_t *pieces; /* batches of each piece, at most 64, perhaps with SPARSE_CONTINUES */
  const int16_t *table;  /* multiplier, bias of each row */
} sparse_matrix;

/* Bytes of the pieces of a matrix, its end included. */
static inline uint32_t sparse_pieces(uint32_t rows, uint32_t columns) {
  return rows * ((columns + SPARSE_SEGMENT - 1) / SPARSE_SEGMENT) + 1;
}

/* clamp16(floor(sum * multiplier / 2^16) + bias) of each row, one after the other.
   |sum| < 2^23, as in hmd_matvec. Returns the end of the batches. */
const int8_t *sparse_matvec(const sparse_matrix *matrix, const int16_t *v, int16_t *values);

#endif
