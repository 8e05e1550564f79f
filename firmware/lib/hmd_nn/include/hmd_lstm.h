/* The HMD_LSTM op: an LSTM whose gate matrices are dense rows above blocks of low rank.
   Arithmetic, options and tensors: docs/op.md. */
#ifndef HMD_LSTM_H_
#define HMD_LSTM_H_

#include <stddef.h>
#include <stdint.h>

#include "hmd_status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  HMD_LSTM_SHARED = 1u << 0,           /* the gates share their projections */
  HMD_LSTM_RETURN_SEQUENCES = 1u << 1, /* y holds every step, else the last one */
  HMD_LSTM_STATEFUL = 1u << 2,         /* state goes on, else each run starts from zero */
  HMD_LSTM_GO_BACKWARDS = 1u << 3,     /* steps are read from the last to the first */
  HMD_LSTM_INPUT_ORDER = 1u << 4       /* y of a step stands where its x stood */
};

/* The custom options, decoded. */
typedef struct {
  uint16_t inputs, units, rows, blocks, rank, flags;
  uint8_t x_shift, h_shift, cell_shift;
  int8_t x_zero_point;
  float x_scale;
} hmd_lstm_options;

/* What the options imply for the tensors, in bytes or elements. */
typedef struct {
  uint32_t weights_bytes; /* int8 */
  uint32_t table_rows;    /* int16 [rows, 2]: multiplier, bias */
  uint32_t scratch_bytes; /* aligned to 4 */
} hmd_lstm_sizes;

/* One run. The caller owns every buffer; weights and scratch are aligned to 4 bytes, the table,
   c to 2. State h and c is [batch, units]. */
typedef struct {
  const int8_t *weights;
  const int16_t *table;
  const int8_t *x; /* [batch, steps, inputs] */
  int8_t *y;       /* [batch, steps, units] or [batch, units]; scale 1/128, zero point 0 */
  int8_t *h;
  int16_t *c;
  void *scratch;
  int32_t batch, steps;
} hmd_lstm_tensors;

/* Decode custom options; every field is checked. */
hmd_status hmd_lstm_decode(const void *bytes, size_t length, hmd_lstm_options *options);

/* Sizes of the tensors, or HMD_ERROR_SIZE if they exceed 32 bits. */
hmd_status hmd_lstm_plan(const hmd_lstm_options *options, hmd_lstm_sizes *sizes);

/* Check that no dot product can leave its accumulator, for any input: reads all weights once. */
hmd_status hmd_lstm_check_weights(const hmd_lstm_options *options, const int8_t *weights);

/* Run all steps of all sequences. Options must have passed the functions above. */
void hmd_lstm_run(const hmd_lstm_options *options, const hmd_lstm_tensors *tensors);

#ifdef __cplusplus
}
#endif
#endif
