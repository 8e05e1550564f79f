/* FULLY_CONNECTED with int8 weights of zero point 0. */
#include "fixed_point.h"

void hmd_fully_connected_s8(const hmd_fully_connected *layer, uint32_t batches,
                            const int8_t *input, int8_t *output) {
  for (uint32_t batch = 0; batch < batches; batch++, input += layer->inputs) {
    const int8_t *weights = layer->weights;
    for (uint32_t row = 0; row < layer->outputs; row++, weights += layer->inputs) {
      int32_t sum = layer->bias[row]; /* |bias| + 128 sum |weight| < 2^31: quantization.py */
      for (uint32_t column = 0; column < layer->inputs; column++) {
        sum += weights[column] * input[column];
      }
      const hmd_multiplier by = layer->multipliers[layer->per_channel ? row : 0];
      *output++ = hmd_to_int8(hmd_multiply(sum, by), layer->output);
    }
  }
}
