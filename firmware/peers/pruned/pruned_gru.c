/* The pruned GRU's steps: those of hmd_gru_run with another product. */
#include "pruned_gru.h"

#include <string.h>

#include "../src/expand.h"
#include "../src/gru_elementwise.h"
#include "../src/layout.h"
#include "sparse_matvec.h"

void pruned_gru_run(const hmd_options *o, const uint8_t *pieces, const hmd_gru_tensors *t) {
  const uint32_t units = o->units, columns = hmd_columns(o), rows = 2 * units; /* of z and r */
  const sparse_matrix gates = {t->weights, pieces, t->table};
  sparse_matrix candidate = {NULL, pieces + sparse_pieces(rows, columns), t->table + 2 * rows};
  int16_t *v = t->scratch;
  int16_t *pre = v + hmd_even(columns), *pre_candidate = pre + rows;
  int16_t *v_h = v + o->inputs;
  memset(t->h, 0, units * sizeof *t->h);
  hmd_gru_columns(t->h, units, o->h_shift, v_h);
  for (int32_t step = 0; step < t->steps; step++) {
    hmd_expand(t->x + step * o->inputs, o->inputs, o->x_zero_point, o->x_shift, v);
    candidate.batches = sparse_matvec(&gates, v, pre);
    hmd_gru_reset(pre, t->h, units, o->h_shift, v_h);
    sparse_matvec(&candidate, v, pre_candidate);
    hmd_gru_update(pre, pre_candidate, t->h, t->y, units, o->h_shift, v_h);
  }
}
