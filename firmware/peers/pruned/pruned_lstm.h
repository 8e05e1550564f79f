/* A pruned LSTM in the arithmetic of HMD_LSTM (docs/op.md) with `rows = units`: a peer that kernels are
   measured against, not a part of any model. */
#ifndef PRUNED_LSTM_H_
#define PRUNED_LSTM_H_

#include "hmd_lstm.h"

/* From zero state over all steps of one sequence; y is the last output, so `flags` must be 0.
   tensors: the weights are a sparse matrix' batches, of rows [unit][gate]; `pieces` belongs to it
   (sparse_matvec.h). Scratch as of a dense layer. */
void pruned_lstm_run(const hmd_options *options, const uint8_t *pieces,
                     const hmd_lstm_tensors *tensors);

#endif
