/* FULLY_CONNECTED with int8 weights of zero point 0. */
#include "fixed_point.h"

#ifndef HMD_NN_WITH_CMSIS_NN /* else cmsis_nn.c */
#include <string.h>

#include "dot.h"

/* One sequence of inputs, `rows` (1 or 4) outputs. |bias| + 128 sum |weight| < 2^31:
   quantization.py. */
static inline void some_rows(const hmd_fully_connected *layer, uint32_t first, uint32_t rows,
                             const int8_t *input, int8_t *output) {
  const int8_t *weights = layer->weights + first * layer->inputs;
  const hmd_multiplier *by = layer->multipliers + (layer->per_channel ? first : 0);
  int32_t sums[4];
  memcpy(sums, layer->bias + first, rows * sizeof *sums);
  if (rows == 4) {
    hmd_dot4(weights, input, layer->inputs, sums);
  } else {
    sums[0] = hmd_dot(weights, input, layer->inputs, sums[0]);
  }
  for (uint32_t row = 0; row < rows; row++, by += layer->per_channel) {
    output[first + row] = hmd_to_int8(hmd_multiply(sums[row], *by), layer->output);
  }
}

void hmd_fully_connected_s8(const hmd_fully_connected *layer, uint32_t batches,
                            const int8_t *input, int8_t *output) {
  const uint32_t outputs = layer->outputs;
  for (uint32_t batch = 0; batch < batches; batch++, input += layer->inputs, output += outputs) {
    if (outputs < 4) {
      for (uint32_t row = 0; row < outputs; row++) some_rows(layer, row, 1, input, output);
      continue;
    }
    for (uint32_t row = 0; row < outputs - 4; row += 4) some_rows(layer, row, 4, input, output);
    some_rows(layer, outputs - 4, 4, input, output); /* some perhaps a second time */
  }
}
#endif
