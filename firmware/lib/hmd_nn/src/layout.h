/* Sizes that follow from the options of a layer. */
#ifndef HMD_NN_LAYOUT_H_
#define HMD_NN_LAYOUT_H_

#include "hmd_options.h"

static inline uint32_t hmd_even(uint32_t n) { return n + (n & 1u); }

static inline uint32_t hmd_columns(const hmd_options *o) { return (uint32_t)o->inputs + o->units; }

static inline uint32_t hmd_lower(const hmd_options *o) { return (uint32_t)o->units - o->rows; }

/* Projected values of a gate. */
static inline uint32_t hmd_projections(const hmd_options *o) {
  return (uint32_t)o->blocks * o->rank;
}

/* Gates that see the same columns as the first one. */
static inline uint32_t hmd_first_phase(const hmd_options *o) {
  return o->gates == HMD_LSTM_GATES ? HMD_LSTM_GATES : 2u;
}

/* Sets of projections of a phase: one, or one for each of its gates. */
static inline uint32_t hmd_projection_sets(const hmd_options *o, uint32_t gates) {
  return o->flags & HMD_SHARED ? 1u : gates;
}

/* How many of these sets are one matrix, rows [rank][set]. The ranks of two sets would not lie at
   equal distances: of four rows, two and two are neighbours. */
static inline uint32_t hmd_sets_together(const hmd_options *o, uint32_t sets) {
  return sets == 2 && o->rank > 1 ? 1u : sets;
}

/* First column of a block: even. At most 2^14 blocks and 2^15 columns, so 32 bits hold it. */
static inline uint32_t hmd_boundary(const hmd_options *o, uint32_t block) {
  return block == o->blocks ? hmd_columns(o)
                            : 2u * (block * hmd_columns(o) / (2u * o->blocks));
}

#endif
