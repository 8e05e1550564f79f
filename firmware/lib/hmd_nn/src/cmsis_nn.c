/* FULLY_CONNECTED and SOFTMAX by CMSIS-NN's public functions, which give the same bits. */
#include "hmd_builtin.h"

#ifdef HMD_NN_WITH_CMSIS_NN
#include <arm_nnfunctions.h>

#ifdef CMSIS_NN_USE_SINGLE_ROUNDING
#error "CMSIS_NN_USE_SINGLE_ROUNDING does not round as TensorFlow Lite's reference kernels do"
#endif

enum { CHANNELS = 16 }; /* at a time: CMSIS-NN takes multipliers and shifts apart */

void hmd_fully_connected_s8(const hmd_fully_connected *layer, uint32_t batches,
                            const int8_t *input, int8_t *output) {
  const int32_t inputs = (int32_t)layer->inputs, outputs = (int32_t)layer->outputs;
  const cmsis_nn_fc_params params = {
      .output_offset = layer->output.zero_point,
      .activation = {layer->output.minimum, layer->output.maximum}};
  const cmsis_nn_dims one = {.n = 1}, filter = {.n = inputs};
  for (uint32_t batch = 0; batch < batches; batch++, input += inputs) {
    for (int32_t first = 0, rows; first < outputs; first += rows, output += rows) {
      rows = layer->per_channel && outputs - first > CHANNELS ? CHANNELS : outputs - first;
      const int8_t *weights = layer->weights + first * inputs;
      const int32_t *bias = layer->bias + first;
      const cmsis_nn_dims to = {.c = rows};
      /* what MVE's kernels read: the biases, and sums that an input offset would need */
      const cmsis_nn_context context = {.buf = (void *)bias};
      if (layer->per_channel) {
        int32_t multipliers[CHANNELS], shifts[CHANNELS];
        for (int32_t row = 0; row < rows; row++) {
          multipliers[row] = layer->multipliers[first + row].multiplier;
          shifts[row] = layer->multipliers[first + row].shift;
        }
        const cmsis_nn_per_channel_quant_params by = {multipliers, shifts};
        arm_fully_connected_per_channel_s8(&context, &params, &by, &one, input, &filter, weights,
                                           &to, bias, &to, output);
      } else {
        const cmsis_nn_per_tensor_quant_params by = {layer->multipliers->multiplier,
                                                     layer->multipliers->shift};
        arm_fully_connected_s8(&context, &params, &by, &one, input, &filter, weights, &to, bias,
                               &to, output);
      }
    }
  }
}

void hmd_softmax_s8(const hmd_softmax *softmax, uint32_t rows, uint32_t depth,
                    const int8_t *input, int8_t *output) {
  arm_softmax_s8(input, (int32_t)rows, (int32_t)depth, softmax->multiplier, softmax->left_shift,
                 softmax->diff_min, output);
}
#endif
