/* A pruned GRU in the arithmetic of HMD_GRU (docs/op.md) with `rows = units`: a peer that kernels are
   measured against, not a part of any model. */
#ifndef PRUNED_GRU_H_
#define PRUNED_GRU_H_

#include "hmd_gru.h"

/* From zero state over all steps of one sequence; y is the last output, so `flags` must be 0.
   tensors: the weights and the table are those of two sparse matrices, one behind the other: z and
   r in rows [unit][gate], then g. `pieces` are theirs, too, each with its end (sparse_matvec.h).
   Scratch as of a dense layer. */
void pruned_gru_run(const hmd_options *options, const uint8_t *pieces,
                    const hmd_gru_tensors *tensors);

#endif
