/* The HMD_LSTM op: sequences, steps, and the gates' element-wise arithmetic. */
#include <string.h>

#include "activation.h"
#include "lstm_layout.h"
#include "matvec.h"

/* Scratch of one step, all int16. */
typedef struct {
  int16_t *v;         /* [even(columns)]: x and h, shifted */
  int16_t *pre;       /* [units][4]: pre-activations of i, f, c, o */
  int16_t *projected; /* [projection sets][even(projections)] */
} scratch;

static void shift_inputs(const hmd_lstm_options *o, const int8_t *x, const int8_t *h,
                         int16_t *v) {
  const int32_t x_unit = 1 << o->x_shift, h_unit = 1 << o->h_shift;
  for (uint32_t i = 0; i < o->inputs; i++) {
    *v++ = (int16_t)((x[i] - o->x_zero_point) * x_unit); /* |x - zero point| <= 255 */
  }
  for (uint32_t i = 0; i < o->units; i++) *v++ = (int16_t)(h[i] * h_unit);
  if (hmd_columns(o) & 1u) *v = 0;
}

/* All pre-activations of one step. */
static void multiply(const hmd_lstm_options *o, hmd_rows matrix, const scratch *s) {
  const uint32_t columns = hmd_columns(o), lower = hmd_lower(o), sets = hmd_projection_sets(o);
  const uint32_t projections = hmd_projections(o), stride = hmd_even(projections);
  const hmd_out upper_out = {s->pre, 4, 1};
  hmd_matvec(&matrix, 4u * o->rows, columns, s->v, upper_out, HMD_PRE_ACTIVATION_BITS);
  if (lower == 0) return;
  if (projections & 1u) {
    for (uint32_t set = 0; set < sets; set++) s->projected[set * stride + projections] = 0;
  }
  for (uint32_t j = 0; j < o->blocks; j++) {
    const uint32_t begin = hmd_boundary(o, j), width = hmd_boundary(o, j + 1) - begin;
    const hmd_out shared = {s->projected + j * o->rank, 4, 1};
    const hmd_out own = {s->projected + j * o->rank, 1, stride};
    hmd_matvec(&matrix, sets * o->rank, width, s->v + begin, sets == 1 ? shared : own,
               HMD_PROJECTION_BITS);
  }
  int16_t *pre = s->pre + 4u * o->rows;
  if (sets == 1) {
    const hmd_out out = {pre, 4, 1};
    hmd_matvec(&matrix, 4u * lower, projections, s->projected, out, HMD_PRE_ACTIVATION_BITS);
    return;
  }
  for (uint32_t gate = 0; gate < 4; gate++) {
    const hmd_out out = {pre + gate, 16, 4};
    hmd_matvec(&matrix, lower, projections, s->projected + gate * stride, out,
               HMD_PRE_ACTIVATION_BITS);
  }
}

static int32_t clamp(int32_t value, int32_t limit) {
  return value < -limit ? -limit : value >= limit ? limit - 1 : value;
}

/* New h and c. Sigmoids lie in 0..2^15 - 11, tanh in +-(2^15 - 22), so that the sums below stay
   under 2^31: f c < 2^30, i g >> 3 < 2^27; o tanh(c) < 2^30. */
static void update(const hmd_lstm_options *o, const int16_t *pre, int8_t *h, int16_t *c) {
  const int32_t twice = 2 << o->cell_shift;
  for (uint32_t unit = 0; unit < o->units; unit++, pre += 4) {
    const int32_t i = hmd_sigmoid(pre[0]), f = hmd_sigmoid(pre[1]);
    const int32_t g = hmd_tanh_of_half(pre[2]), out = hmd_sigmoid(pre[3]);
    const int32_t sum = f * c[unit] + ((i * g) >> (3 + o->cell_shift)) + (1 << 14);
    const int32_t cell = clamp(sum >> 15, 1 << 15);
    const int32_t tanh_cell = hmd_tanh_of_half((int16_t)clamp(cell * twice, 1 << 15));
    c[unit] = (int16_t)cell;
    h[unit] = (int8_t)clamp((out * tanh_cell + (1 << 22)) >> 23, 128);
  }
}

void hmd_lstm_run(const hmd_lstm_options *o, const hmd_lstm_tensors *t) {
  const uint32_t units = o->units;
  const hmd_rows matrix = {t->weights, t->table};
  scratch s;
  s.v = t->scratch;
  s.pre = s.v + hmd_even(hmd_columns(o));
  s.projected = s.pre + 4u * units;
  const int8_t *x = t->x;
  int8_t *y = t->y, *h = t->h;
  int16_t *c = t->c;
  const uint32_t steps = (uint32_t)t->steps;
  for (int32_t sequence = 0; sequence < t->batch; sequence++) {
    if (!(o->flags & HMD_LSTM_STATEFUL)) {
      memset(h, 0, units);
      memset(c, 0, units * sizeof *c);
    }
    for (uint32_t step = 0; step < steps; step++) {
      const uint32_t source = o->flags & HMD_LSTM_GO_BACKWARDS ? steps - 1 - step : step;
      const uint32_t target = o->flags & HMD_LSTM_INPUT_ORDER ? source : step;
      shift_inputs(o, x + source * o->inputs, h, s.v);
      multiply(o, matrix, &s);
      update(o, s.pre, h, c);
      if (o->flags & HMD_LSTM_RETURN_SEQUENCES) memcpy(y + target * units, h, units);
    }
    if (o->flags & HMD_LSTM_RETURN_SEQUENCES) {
      y += steps * units;
    } else {
      memcpy(y, h, units);
      y += units;
    }
    x += steps * o->inputs;
    h += units;
    c += units;
  }
}
