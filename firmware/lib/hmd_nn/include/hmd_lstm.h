/* The HMD_LSTM op: an LSTM whose gate matrices are dense rows above blocks of low rank.
   Arithmetic, options and tensors: docs/op.md. */
#ifndef HMD_LSTM_H_
#define HMD_LSTM_H_

#include "hmd_options.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* Run all steps of all sequences. Options must have passed the functions of hmd_options.h. */
void hmd_lstm_run(const hmd_options *options, const hmd_lstm_tensors *tensors);

#ifdef __cplusplus
}
#endif
#endif
