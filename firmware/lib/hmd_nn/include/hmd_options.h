/* What the ops HMD_LSTM and HMD_GRU share: custom options, and what follows from them (docs/op.md). */
#ifndef HMD_OPTIONS_H_
#define HMD_OPTIONS_H_

#include <stddef.h>
#include <stdint.h>

#include "hmd_status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HMD_LSTM_GATES = 4, HMD_GRU_GATES = 3 };

enum {
  HMD_SHARED = 1u << 0,           /* the gates share their projections */
  HMD_RETURN_SEQUENCES = 1u << 1, /* y holds every step, else the last one */
  HMD_STATEFUL = 1u << 2,         /* state goes on, else each run starts from zero */
  HMD_GO_BACKWARDS = 1u << 3,     /* steps are read from the last to the first */
  HMD_INPUT_ORDER = 1u << 4       /* y of a step stands where its x stood */
};

/* The custom options, decoded. */
typedef struct {
  uint16_t inputs, units, rows, blocks, rank, flags;
  uint8_t gates; /* of the op: HMD_LSTM_GATES or HMD_GRU_GATES */
  uint8_t x_shift, h_shift, cell_shift;
  int8_t x_zero_point;
  float x_scale;
} hmd_options;

/* What the options imply for the tensors, in bytes or elements. */
typedef struct {
  uint32_t weights_bytes; /* int8 */
  uint32_t table_rows;    /* int16 [rows, 2]: multiplier, bias */
  uint32_t scratch_bytes; /* aligned to 4 */
} hmd_sizes;

/* Decode the custom options of the op with this number of gates; every field is checked. */
hmd_status hmd_decode(const void *bytes, size_t length, uint8_t gates, hmd_options *options);

/* Sizes of the tensors, or HMD_ERROR_SIZE if they exceed 2 GiB. */
hmd_status hmd_plan(const hmd_options *options, hmd_sizes *sizes);

/* Check that no dot product can leave its accumulator, for any input: reads all weights once. */
hmd_status hmd_check_weights(const hmd_options *options, const int8_t *weights);

#ifdef __cplusplus
}
#endif
#endif
