/* The HMD_LSTM op: sequences and steps. */
#include <assert.h>
#include <string.h>

#include "lstm_elementwise.h"
#include "lstm_layout.h"
#include "matvec.h"

/* Scratch of one step, all int16. */
typedef struct {
  int16_t *v;         /* [even(columns)]: x and h, shifted */
  int16_t *pre;       /* [units][4]: pre-activations of i, f, c, o */
  int16_t *projected; /* [projection sets][even(projections)] */
} scratch;

/* All pre-activations of one step. */
static void multiply(const hmd_lstm_options *o, const hmd_lstm_tensors *t, const scratch *s) {
  const uint32_t lower = hmd_lower(o), sets = hmd_projection_sets(o);
  const uint32_t projections = hmd_projections(o), stride = hmd_even(projections);
  hmd_product p = {s->pre, HMD_PRE_ACTIVATION_BITS, 4, 1, t->weights, t->table};
  hmd_matvec(&p, 4u * o->rows, hmd_columns(o), s->v);
  if (lower == 0) return;
  for (uint32_t set = 1; set <= sets; set++) {
    s->projected[set * stride - 1] = 0; /* stays so behind an odd number of values */
  }
  p.values = s->projected;
  p.bits = HMD_PROJECTION_BITS;
  p.group_stride = 4 / sets; /* four values of a set, or one of each of four sets */
  p.row_stride = sets == 1 ? 1 : stride;
  for (uint32_t block = 0, begin = 0, end; block < o->blocks; block++, begin = end) {
    end = hmd_boundary(o, block + 1);
    hmd_matvec(&p, sets * o->rank, end - begin, s->v + begin);
    p.values += o->rank;
  }
  p.values = s->pre + 4u * o->rows;
  p.bits = HMD_PRE_ACTIVATION_BITS;
  p.group_stride = 4 * sets; /* four gates of a unit, or four units of a gate */
  p.row_stride = sets;
  for (uint32_t set = 0; set < sets; set++, p.values++) {
    hmd_matvec(&p, lower * (4 / sets), projections, s->projected + set * stride);
  }
}

void hmd_lstm_run(const hmd_lstm_options *o, const hmd_lstm_tensors *t) {
  assert(hmd_lstm_check_weights(o, t->weights) == HMD_OK); /* the bound on every dot product */
  const uint32_t units = o->units, columns = hmd_columns(o);
  scratch s;
  s.v = t->scratch;
  s.pre = s.v + hmd_even(columns);
  s.projected = s.pre + 4u * units;
  int16_t *v_h = s.v + o->inputs;
  s.v[hmd_even(columns) - 1] = 0; /* behind an odd number of columns */
  const int8_t *x = t->x;
  int8_t *y = t->y, *h = t->h;
  int16_t *c = t->c;
  const uint32_t steps = (uint32_t)t->steps;
  for (int32_t sequence = 0; sequence < t->batch; sequence++) {
    if (!(o->flags & HMD_LSTM_STATEFUL)) {
      memset(h, 0, units);
      memset(c, 0, units * sizeof *c);
    }
    hmd_lstm_expand(h, units, 0, o->h_shift, v_h);
    for (uint32_t step = 0; step < steps; step++) {
      const uint32_t source = o->flags & HMD_LSTM_GO_BACKWARDS ? steps - 1 - step : step;
      const uint32_t target = o->flags & HMD_LSTM_INPUT_ORDER ? source : step;
      hmd_lstm_expand(x + source * o->inputs, o->inputs, o->x_zero_point, o->x_shift, s.v);
      multiply(o, t, &s);
      hmd_lstm_update(s.pre, c, h, v_h, units, o->cell_shift, o->h_shift);
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
