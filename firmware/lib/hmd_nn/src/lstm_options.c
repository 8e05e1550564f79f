/* The op's custom options: decoding, sizes, and the bound on every dot product. */
#include <float.h>
#include <string.h>

#include "lstm_layout.h"
#include "matvec.h"

enum { LENGTH = 32, VERSION = 1, LAYOUT_PACKED_PAIRS = 1, LARGEST_SIZE = 1 << 14, LARGEST_SHIFT = 7 };

static uint16_t read_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

hmd_status hmd_lstm_decode(const void *bytes, size_t length, hmd_lstm_options *o) {
  const uint8_t *p = bytes;
  if (p == NULL || length != LENGTH) return HMD_ERROR_LENGTH;
  if (memcmp(p, "HMDL", 4) != 0) return HMD_ERROR_MAGIC;
  if (read_u16(p + 4) != VERSION || read_u16(p + 6) != LENGTH || p[20] != LAYOUT_PACKED_PAIRS) {
    return HMD_ERROR_VERSION;
  }
  o->inputs = read_u16(p + 8);
  o->units = read_u16(p + 10);
  o->rows = read_u16(p + 12);
  o->blocks = read_u16(p + 14);
  o->rank = read_u16(p + 16);
  o->flags = read_u16(p + 18);
  o->x_shift = p[21];
  o->h_shift = p[22];
  o->cell_shift = p[23];
  memcpy(&o->x_zero_point, p + 24, sizeof o->x_zero_point);
  memcpy(&o->x_scale, p + 28, sizeof o->x_scale);
  if (o->inputs == 0 || o->inputs > LARGEST_SIZE || o->units == 0 || o->units > LARGEST_SIZE ||
      o->rows > o->units || o->blocks == 0 || o->rank == 0 || o->rank > LARGEST_SIZE ||
      (o->rows < o->units && 2u * o->blocks > hmd_columns(o)) || o->flags >> 5 != 0 ||
      o->x_shift > LARGEST_SHIFT || o->h_shift > LARGEST_SHIFT || o->cell_shift > LARGEST_SHIFT ||
      p[25] != 0 || p[26] != 0 || p[27] != 0 || !(o->x_scale > 0.0f && o->x_scale <= FLT_MAX)) {
    return HMD_ERROR_FIELD;
  }
  return HMD_OK;
}

/* Stored rows and bytes of one matrix, added up. */
static void add(uint64_t rows, uint64_t columns, uint64_t *table_rows, uint64_t *bytes) {
  rows += rows & 1u;
  columns += columns & 1u;
  *table_rows += rows;
  *bytes += rows * columns;
}

hmd_status hmd_lstm_plan(const hmd_lstm_options *o, hmd_lstm_sizes *sizes) {
  uint64_t rows = 0, bytes = 0;
  const uint32_t columns = hmd_columns(o), lower = hmd_lower(o), sets = hmd_projection_sets(o);
  const uint64_t projections = hmd_projections(o);
  uint64_t scratch = (uint64_t)hmd_even(columns) + 4u * (uint64_t)o->units;
  add(4u * (uint64_t)o->rows, columns, &rows, &bytes);
  if (lower > 0) {
    for (uint32_t j = 0; j < o->blocks; j++) {
      const uint32_t width = hmd_boundary(o, j + 1) - hmd_boundary(o, j);
      add((uint64_t)sets * o->rank, width, &rows, &bytes);
    }
    if (sets == 1) {
      add(4u * (uint64_t)lower, projections, &rows, &bytes);
    } else {
      for (int gate = 0; gate < 4; gate++) add(lower, projections, &rows, &bytes);
    }
    scratch += sets * (projections + (projections & 1u));
  }
  scratch *= sizeof(int16_t);
  if (bytes > INT32_MAX || rows > INT32_MAX / 4 || scratch > INT32_MAX) return HMD_ERROR_SIZE;
  sizes->weights_bytes = (uint32_t)bytes;
  sizes->table_rows = (uint32_t)rows;
  sizes->scratch_bytes = (uint32_t)scratch;
  return HMD_OK;
}

/* Whether some row of one matrix can reach HMD_SUM_LIMIT. `split` columns have the magnitude
   `first` at most, the others `rest`. Moves `weights` behind the matrix. */
static int exceeds(const int8_t **weights, uint32_t rows, uint32_t columns, uint32_t split,
                   int64_t first, int64_t rest) {
  int bad = 0;
  for (uint32_t row = 0; row < rows; row += 4) {
    const uint32_t pairs = rows - row > 2 ? 2 : 1;
    for (uint32_t pair = 0; pair < pairs; pair++) {
      int64_t lower_sum = 0, upper_sum = 0; /* < 2^15 columns * 2^8 * 2^15 */
      for (uint32_t column = 0; column < columns; column++) {
        const int64_t limit = column < split ? first : rest;
        const hmd_pair w = hmd_read_pair(*weights, pairs, pair, column);
        lower_sum += limit * (w.lower < 0 ? -w.lower : w.lower);
        upper_sum += limit * (w.upper < 0 ? -w.upper : w.upper);
      }
      bad |= lower_sum >= HMD_SUM_LIMIT || upper_sum >= HMD_SUM_LIMIT;
    }
    *weights += 2u * pairs * hmd_even(columns);
  }
  return bad;
}

hmd_status hmd_lstm_check_weights(const hmd_lstm_options *o, const int8_t *weights) {
  const int64_t above = 127 - o->x_zero_point, below = o->x_zero_point + 128;
  const int64_t x_limit = (above > below ? above : below) * (1 << o->x_shift);
  const int64_t h_limit = 128 * (1 << o->h_shift);
  const uint32_t lower = hmd_lower(o), sets = hmd_projection_sets(o);
  const uint32_t projections = hmd_projections(o);
  const int64_t projected = 1 << (HMD_PROJECTION_BITS - 1);
  int bad = exceeds(&weights, 4u * o->rows, hmd_columns(o), o->inputs, x_limit, h_limit);
  if (lower > 0) {
    for (uint32_t j = 0; j < o->blocks; j++) {
      const uint32_t begin = hmd_boundary(o, j), end = hmd_boundary(o, j + 1);
      const uint32_t split = o->inputs > begin ? o->inputs - begin : 0;
      bad |= exceeds(&weights, sets * o->rank, end - begin, split, x_limit, h_limit);
    }
    for (uint32_t set = 0; set < sets; set++) {
      const uint32_t rows = sets == 1 ? 4u * lower : lower;
      bad |= exceeds(&weights, rows, projections, projections, projected, projected);
    }
  }
  return bad ? HMD_ERROR_WEIGHTS : HMD_OK;
}
