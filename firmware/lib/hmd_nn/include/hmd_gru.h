/* The HMD_GRU op: a GRU whose gate matrices are dense rows above blocks of low rank.
   Arithmetic, options and tensors: docs/op.md. */
#ifndef HMD_GRU_H_
#define HMD_GRU_H_

#include "hmd_options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One run. The caller owns every buffer; weights and scratch are aligned to 4 bytes, the table,
   h to 2. State h is [batch, units]. */
typedef struct {
  const int8_t *weights;
  const int16_t *table;
  const int8_t *x; /* [batch, steps, inputs] */
  int8_t *y;       /* [batch, steps, units] or [batch, units]; scale 1/128, zero point 0 */
  int16_t *h;      /* scale 1/32768 */
  void *scratch;
  int32_t batch, steps;
} hmd_gru_tensors;

/* Run all steps of all sequences. Options must have passed the functions of hmd_options.h. */
void hmd_gru_run(const hmd_options *options, const hmd_gru_tensors *tensors);

#ifdef __cplusplus
}
#endif
#endif
