/* The pruned LSTM's steps: those of hmd_lstm_run with another product. */
#include "pruned_lstm.h"

#include <string.h>

#include "../src/expand.h"
#include "../src/layout.h"
#include "../src/lstm_elementwise.h"
#include "sparse_matvec.h"

void pruned_lstm_run(const hmd_options *o, const uint8_t *pieces, const hmd_lstm_tensors *t) {
  const sparse_matrix matrix = {t->weights, pieces, t->table};
  int16_t *v = t->scratch;
  int16_t *pre = v + hmd_even(hmd_columns(o));
  int16_t *v_h = v + o->inputs;
  memset(t->h, 0, o->units);
  memset(t->c, 0, o->units * sizeof *t->c);
  hmd_expand(t->h, o->units, 0, o->h_shift, v_h);
  for (int32_t step = 0; step < t->steps; step++) {
    hmd_expand(t->x + step * o->inputs, o->inputs, o->x_zero_point, o->x_shift, v);
    sparse_matvec(&matrix, v, pre);
    hmd_lstm_update(pre, t->c, t->h, v_h, o->units, o->cell_shift, o->h_shift);
  }
  memcpy(t->y, t->h, o->units);
}
