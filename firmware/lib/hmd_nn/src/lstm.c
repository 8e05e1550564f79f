/* The HMD_LSTM op: sequences and steps. */
#include <assert.h>
#include <string.h>

#include "expand.h"
#include "gates.h"
#include "hmd_lstm.h"
#include "lstm_elementwise.h"

void hmd_lstm_run(const hmd_options *o, const hmd_lstm_tensors *t) {
  assert(hmd_check_weights(o, t->weights) == HMD_OK); /* the bound on every dot product */
  const uint32_t units = o->units, steps = (uint32_t)t->steps;
  hmd_phase gates; /* i, f, c, o */
  gates.v = t->scratch;
  gates.pre = gates.v + hmd_even(hmd_columns(o));
  gates.projected = gates.pre + HMD_LSTM_GATES * units;
  gates.pre[-1] = 0; /* behind an odd number of columns */
  int16_t *const v_h = gates.v + o->inputs;
  const int8_t *x = t->x;
  int8_t *y = t->y, *h = t->h;
  int16_t *c = t->c;
  for (int32_t sequence = 0; sequence < t->batch; sequence++) {
    if (!(o->flags & HMD_STATEFUL)) {
      memset(h, 0, units);
      memset(c, 0, units * sizeof *c);
    }
    hmd_expand(h, units, 0, o->h_shift, v_h);
    for (uint32_t step = 0; step < steps; step++) {
      const uint32_t source = o->flags & HMD_GO_BACKWARDS ? steps - 1 - step : step;
      const uint32_t target = o->flags & HMD_INPUT_ORDER ? source : step;
      hmd_expand(x + source * o->inputs, o->inputs, o->x_zero_point, o->x_shift, gates.v);
      hmd_product stored = {.weights = t->weights, .table = t->table};
      hmd_multiply(o, HMD_LSTM_GATES, &stored, &stored, &gates);
      hmd_lstm_update(gates.pre, c, h, v_h, units, o->cell_shift, o->h_shift);
      if (o->flags & HMD_RETURN_SEQUENCES) memcpy(y + target * units, h, units);
    }
    if (o->flags & HMD_RETURN_SEQUENCES) {
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
