/* The custom options: decoding, sizes, and the bound on every dot product. */
#include <float.h>
#include <string.h>

#include "layout.h"
#include "matvec.h"

enum { LENGTH = 32, VERSION = 1, LAYOUT_PACKED_PAIRS = 1, LARGEST_SIZE = 1 << 14, LARGEST_SHIFT = 7 };

static uint16_t read_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

hmd_status hmd_decode(const void *bytes, size_t length, uint8_t gates, hmd_options *o) {
  const uint8_t *p = bytes;
  if (p == NULL || length != LENGTH) return HMD_ERROR_LENGTH;
  if (memcmp(p, gates == HMD_LSTM_GATES ? "HMDL" : "HMDG", 4) != 0) return HMD_ERROR_MAGIC;
  if (read_u16(p + 4) != VERSION || read_u16(p + 6) != LENGTH || p[20] != LAYOUT_PACKED_PAIRS) {
    return HMD_ERROR_VERSION;
  }
  o->inputs = read_u16(p + 8);
  o->units = read_u16(p + 10);
  o->rows = read_u16(p + 12);
  o->blocks = read_u16(p + 14);
  o->rank = read_u16(p + 16);
  o->flags = read_u16(p + 18);
  o->gates = gates;
  o->x_shift = p[21];
  o->h_shift = p[22];
  o->cell_shift = p[23];
  memcpy(&o->x_zero_point, p + 24, sizeof o->x_zero_point);
  memcpy(&o->x_scale, p + 28, sizeof o->x_scale);
  if (o->inputs == 0 || o->inputs > LARGEST_SIZE || o->units == 0 || o->units > LARGEST_SIZE ||
      o->rows > o->units || o->blocks == 0 || o->rank == 0 || o->rank > LARGEST_SIZE ||
      (o->rows < o->units && 2u * o->blocks > hmd_columns(o)) || o->flags >> 5 != 0 ||
      o->x_shift > LARGEST_SHIFT || o->h_shift > LARGEST_SHIFT ||
      o->cell_shift > (gates == HMD_LSTM_GATES ? LARGEST_SHIFT : 0) ||
      p[25] != 0 || p[26] != 0 || p[27] != 0 || !(o->x_scale > 0.0f && o->x_scale <= FLT_MAX)) {
    return HMD_ERROR_FIELD;
  }
  return HMD_OK;
}

/* A stored matrix. What it multiplies are columns from `first` on, or projected values. */
typedef struct {
  uint32_t rows, columns, first;
  int projected;
} matrix;

typedef void (*visitor)(const hmd_options *o, matrix m, void *context);

/* The matrices of a phase in their order, as gates.c reads them; `sets` of projections. */
static void visit_phase(const hmd_options *o, uint32_t gates, uint32_t sets, visitor visit,
                        void *context) {
  const uint32_t lower = hmd_lower(o), together = hmd_sets_together(o, sets);
  visit(o, (matrix){gates * o->rows, hmd_columns(o), 0, 0}, context);
  if (lower == 0) return;
  for (uint32_t block = 0; block < o->blocks; block++) {
    const uint32_t begin = hmd_boundary(o, block), end = hmd_boundary(o, block + 1);
    for (uint32_t set = 0; set < sets; set += together) {
      visit(o, (matrix){together * o->rank, end - begin, begin, 0}, context);
    }
  }
  const uint32_t parts = o->flags & HMD_SHARED ? 1 : gates;
  for (uint32_t part = 0; part < parts; part++) {
    visit(o, (matrix){gates / parts * lower, hmd_projections(o), 0, 1}, context);
  }
}

/* All matrices of a layer. The last phase of a GRU has the shared projections of the first one. */
static void visit_all(const hmd_options *o, visitor visit, void *context) {
  const uint32_t gates = hmd_first_phase(o), last = o->gates - gates;
  visit_phase(o, gates, hmd_projection_sets(o, gates), visit, context);
  if (last > 0) visit_phase(o, last, o->flags & HMD_SHARED ? 0 : last, visit, context);
}

/* Rows of the table, bytes of the weights. */
typedef struct {
  uint64_t rows, bytes;
} total;

static void add(const hmd_options *o, matrix m, void *context) {
  (void)o;
  total *sum = context;
  sum->rows += hmd_even(m.rows);
  sum->bytes += (uint64_t)hmd_even(m.rows) * hmd_even(m.columns);
}

hmd_status hmd_plan(const hmd_options *o, hmd_sizes *sizes) {
  total sum = {0, 0};
  visit_all(o, add, &sum);
  uint64_t scratch = (uint64_t)hmd_even(hmd_columns(o)) + (uint64_t)o->gates * o->units;
  if (hmd_lower(o) > 0) {
    const uint64_t projected = hmd_even(hmd_projections(o));
    scratch += projected * hmd_projection_sets(o, hmd_first_phase(o));
  }
  scratch *= sizeof(int16_t);
  if (sum.bytes > INT32_MAX || sum.rows > INT32_MAX / 4 || scratch > INT32_MAX) {
    return HMD_ERROR_SIZE;
  }
  sizes->weights_bytes = (uint32_t)sum.bytes;
  sizes->table_rows = (uint32_t)sum.rows;
  sizes->scratch_bytes = (uint32_t)scratch;
  return HMD_OK;
}

/* What is checked, and whether it is bad. */
typedef struct {
  const int8_t *weights; /* of the next matrix */
  int bad;
} check;

/* The largest magnitude of what a column of a matrix multiplies. */
static int64_t limit(const hmd_options *o, const matrix *m, uint32_t column) {
  if (m->projected) return 1 << (HMD_PROJECTION_BITS - 1);
  if (m->first + column >= o->inputs) return 128 * (1 << o->h_shift);
  const int64_t above = 127 - o->x_zero_point, below = o->x_zero_point + 128;
  return (above > below ? above : below) * (1 << o->x_shift);
}

/* Whether some row can reach HMD_SUM_LIMIT. */
static void check_sums(const hmd_options *o, matrix m, void *context) {
  check *c = context;
  for (uint32_t row = 0; row < m.rows; row += 4) {
    const uint32_t pairs = m.rows - row > 2 ? 2 : 1;
    for (uint32_t pair = 0; pair < pairs; pair++) {
      int64_t lower_sum = 0, upper_sum = 0; /* < 2^28 columns * 2^8 * 2^15 */
      for (uint32_t column = 0; column < m.columns; column++) {
        const hmd_pair w = hmd_read_pair(c->weights, pairs, pair, column);
        lower_sum += limit(o, &m, column) * (w.lower < 0 ? -w.lower : w.lower);
        upper_sum += limit(o, &m, column) * (w.upper < 0 ? -w.upper : w.upper);
      }
      c->bad |= lower_sum >= HMD_SUM_LIMIT || upper_sum >= HMD_SUM_LIMIT;
    }
    c->weights += 2u * pairs * hmd_even(m.columns);
  }
}

hmd_status hmd_check_weights(const hmd_options *o, const int8_t *weights) {
  check c = {weights, 0};
  visit_all(o, check_sums, &c);
  return c.bad ? HMD_ERROR_WEIGHTS : HMD_OK;
}
