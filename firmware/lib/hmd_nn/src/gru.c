/* The HMD_GRU op: sequences and steps. */
#include <assert.h>
#include <string.h>

#include "expand.h"
#include "gates.h"
#include "gru_elementwise.h"
#include "hmd_gru.h"

enum { BOTH = 2, CANDIDATE = 1 }; /* gates of the first and of the second phase */

void hmd_gru_run(const hmd_options *o, const hmd_gru_tensors *t) {
  assert(hmd_check_weights(o, t->weights) == HMD_OK); /* the bound on every dot product */
  const uint32_t units = o->units, steps = (uint32_t)t->steps;
  const uint32_t sequences = o->flags & HMD_RETURN_SEQUENCES;
  hmd_product stored, shared; /* projections of all gates, read again for g */
  const int8_t *const shared_weights = t->weights + BOTH * o->rows * hmd_even(hmd_columns(o));
  const int16_t *const shared_table = t->table + 2 * BOTH * o->rows;
  hmd_phase gates, candidate; /* z and r; g */
  gates.v = candidate.v = t->scratch;
  gates.projected = candidate.projected = gates.v + hmd_even(hmd_columns(o));
  gates.projected[-1] = 0; /* behind an odd number of columns */
  gates.pre = gates.projected;
  if (hmd_lower(o) > 0) gates.pre += hmd_projection_sets(o, BOTH) * hmd_even(hmd_projections(o));
  candidate.pre = gates.pre + BOTH * units;
  int16_t *const v_h = gates.v + o->inputs;
  const int8_t *x = t->x;
  int8_t *y = t->y;
  int16_t *h = t->h;
  for (int32_t sequence = 0; sequence < t->batch; sequence++) {
    if (!(o->flags & HMD_STATEFUL)) memset(h, 0, units * sizeof *h);
    hmd_gru_columns(h, units, o->h_shift, v_h);
    for (uint32_t step = 0; step < steps; step++) {
      const uint32_t source = o->flags & HMD_GO_BACKWARDS ? steps - 1 - step : step;
      const uint32_t target = o->flags & HMD_INPUT_ORDER ? source : step;
      hmd_expand(x + source * o->inputs, o->inputs, o->x_zero_point, o->x_shift, gates.v);
      stored.weights = t->weights;
      stored.table = t->table;
      hmd_multiply(o, BOTH, &stored, &stored, &gates);
      hmd_gru_reset(gates.pre, h, units, o->h_shift, v_h);
      shared.weights = shared_weights;
      shared.table = shared_table;
      hmd_multiply(o, CANDIDATE, &stored, o->flags & HMD_SHARED ? &shared : &stored, &candidate);
      hmd_gru_update(gates.pre, candidate.pre, h, sequences ? y + target * units : y, units,
                     o->h_shift, v_h);
    }
    x += steps * o->inputs;
    y += sequences ? steps * units : units;
    h += units;
  }
}
