/* The stored matrices of a layer, one after the other, as packing.py writes them. */
#ifndef HMD_NN_LSTM_LAYOUT_H_
#define HMD_NN_LSTM_LAYOUT_H_

#include "hmd_lstm.h"

static inline uint32_t hmd_even(uint32_t n) { return n + (n & 1u); }

static inline uint32_t hmd_columns(const hmd_lstm_options *o) {
  return (uint32_t)o->inputs + o->units;
}

static inline uint32_t hmd_lower(const hmd_lstm_options *o) {
  return (uint32_t)o->units - o->rows;
}

/* Projected values of a gate. */
static inline uint32_t hmd_projections(const hmd_lstm_options *o) {
  return (uint32_t)o->blocks * o->rank;
}

static inline uint32_t hmd_projection_sets(const hmd_lstm_options *o) {
  return o->flags & HMD_LSTM_SHARED ? 1u : 4u;
}

/* First column of a block: even. At most 2^14 blocks and 2^15 columns, so 32 bits hold it. */
static inline uint32_t hmd_boundary(const hmd_lstm_options *o, uint32_t block) {
  return block == o->blocks ? hmd_columns(o)
                            : 2u * (block * hmd_columns(o) / (2u * o->blocks));
}

#endif
