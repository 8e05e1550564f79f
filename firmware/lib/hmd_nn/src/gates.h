/* The products of a phase: of the gates that see the same columns. Inline, since each op has its own
   numbers of gates. */
#ifndef HMD_NN_GATES_H_
#define HMD_NN_GATES_H_

#include "layout.h"
#include "matvec.h"

/* Memory of a phase. */
typedef struct {
  int16_t *v;         /* [even(columns)] */
  int16_t *pre;       /* [units][gates]: the result */
  int16_t *projected; /* [projection sets][even(projections)] */
} hmd_phase;

/* Pre-activations of `gates` gates. packing.py wrote what is stored: dense rows, projections,
   expansions. `projections` are read from there too, or from a phase before. Moves the weights and
   tables of both behind what it reads. */
static inline void hmd_multiply(const hmd_options *o, uint32_t gates, hmd_product *stored,
                                hmd_product *projections, const hmd_phase *phase) {
  const uint32_t lower = hmd_lower(o), sets = hmd_projection_sets(o, gates);
  const uint32_t count = hmd_projections(o), stride = hmd_even(count);
  stored->values = phase->pre;
  stored->bits = HMD_PRE_ACTIVATION_BITS;
  stored->group_stride = 4;
  stored->row_stride = 1;
  hmd_matvec(stored, gates * o->rows, hmd_columns(o), phase->v);
  if (lower == 0) return;
  for (uint32_t set = 1; set <= sets; set++) {
    phase->projected[set * stride - 1] = 0; /* stays so behind an odd number of values */
  }
  const uint32_t together = hmd_sets_together(o, sets);
  projections->bits = HMD_PROJECTION_BITS;
  projections->group_stride = 4 / together; /* four values of a set, or one of each of four sets */
  projections->row_stride = together == 1 ? 1 : stride;
  int16_t *projected = phase->projected;
  for (uint32_t block = 0, begin = 0, end; block < o->blocks; block++, begin = end) {
    end = hmd_boundary(o, block + 1);
    for (uint32_t set = 0; set < sets; set += together) {
      projections->values = projected + set * stride;
      hmd_matvec(projections, together * o->rank, end - begin, phase->v + begin);
    }
    projected += o->rank;
  }
  stored->values = phase->pre + gates * o->rows;
  stored->bits = HMD_PRE_ACTIVATION_BITS;
  stored->group_stride = 4 * sets; /* gates of a unit, or units of a gate */
  stored->row_stride = sets;
  for (uint32_t set = 0; set < sets; set++, stored->values++) {
    hmd_matvec(stored, lower * (gates / sets), count, phase->projected + set * stride);
  }
}

#endif
