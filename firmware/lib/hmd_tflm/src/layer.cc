// Init and Prepare of an op: options and tensors are checked before anything is computed.
#include "layer.h"

#include "expect.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace hmd_tflm {

namespace {

bool Report(const Op& op, hmd_status status) {
  if (status != HMD_OK) MicroPrintf("%s: %s", op.name, hmd_status_text(status));
  return status == HMD_OK;
}

// Shows one tensor with its quantisation to `check`. TFLM lends it from what is left of the arena:
// hence one at a time.
template <typename F>
bool Look(MicroContext* context, const Op& op, TfLiteTensor* tensor, const F& check) {
  if (tensor == nullptr) {
    MicroPrintf("%s: a tensor is missing, or the arena is too small", op.name);
    return false;
  }
  const bool good = check(*tensor);
  context->DeallocateTempTfLiteTensor(tensor);
  return good;
}

bool Check(MicroContext* context, const TfLiteNode* node, const Op& op, const hmd_options& o,
           const hmd_sizes& sizes) {
  if (node->inputs->size != op.inputs || node->outputs->size != 1) {
    MicroPrintf("%s: received %d inputs, %d outputs, expected %d, 1", op.name, node->inputs->size,
                node->outputs->size, op.inputs);
    return false;
  }
  int batch = 1, steps = 1;
  const auto check_x = [&](const TfLiteTensor& x) {
    if (x.dims != nullptr && x.dims->size == 3) {
      batch = x.dims->data[0];
      steps = x.dims->data[1];
    }
    if (batch < 1 || steps < 1) {
      MicroPrintf(
          "%s, x: received %d sequences of %d steps, expected 1 or more; convert the model again",
          op.name, batch, steps);
      return false;
    }
    return Expect(x, op.name, "x", kTfLiteInt8, {batch, steps, o.inputs}) &&
           ExpectScale(x, op.name, "x", o.x_scale, o.x_zero_point);
  };
  const auto check_weights = [&](const TfLiteTensor& weights) {
    const int bytes = static_cast<int>(sizes.weights_bytes);
    return Expect(weights, op.name, "weights", kTfLiteInt8, {bytes}) &&
           ExpectConstant(weights, op.name, "weights", 4) &&
           Report(op, hmd_check_weights(&o, weights.data.int8));
  };
  const auto check_table = [&](const TfLiteTensor& table) {
    const int rows = static_cast<int>(sizes.table_rows);
    return Expect(table, op.name, "requantization", kTfLiteInt16, {rows, 2}) &&
           ExpectConstant(table, op.name, "requantization", 2);
  };
  const auto check_y = [&](const TfLiteTensor& y) {
    const bool sequences = (o.flags & HMD_RETURN_SEQUENCES) != 0;
    return (sequences ? Expect(y, op.name, "y", kTfLiteInt8, {batch, steps, o.units})
                      : Expect(y, op.name, "y", kTfLiteInt8, {batch, o.units})) &&
           ExpectScale(y, op.name, "y", 1.0f / 128.0f, 0);
  };
  const auto input = [&](int index) { return context->AllocateTempInputTensor(node, index); };
  bool good = Look(context, op, input(kX), check_x) &&
              Look(context, op, input(kWeights), check_weights) &&
              Look(context, op, input(kTable), check_table);
  for (int i = kStates; good && i < op.inputs; i++) {
    const auto& state = op.states[i - kStates];
    good = Look(context, op, input(i), [&](const TfLiteTensor& tensor) {
      const float scale = state.scale * static_cast<float>(state.shifted ? 1 << o.cell_shift : 1);
      return Expect(tensor, op.name, state.name, state.type, {batch, o.units}) &&
             ExpectScale(tensor, op.name, state.name, scale, 0) &&
             ExpectVariable(tensor, op.name, state.name);
    });
  }
  return good && Look(context, op, context->AllocateTempOutputTensor(node, 0), check_y);
}

}  // namespace

void* InitLayer(TfLiteContext* context, const char* buffer, size_t length, const Op& op) {
  auto* layer =
      static_cast<Layer*>(GetMicroContext(context)->AllocatePersistentBuffer(sizeof(Layer)));
  if (layer != nullptr) layer->decoded = hmd_decode(buffer, length, op.gates, &layer->options);
  return layer;
}

TfLiteStatus PrepareLayer(TfLiteContext* context, TfLiteNode* node, const Op& op) {
  MicroContext* micro = GetMicroContext(context);
  auto* layer = static_cast<Layer*>(node->user_data);
  hmd_sizes sizes;
  if (layer == nullptr) {
    MicroPrintf("%s: the arena is too small", op.name);
    return kTfLiteError;
  }
  if (!Report(op, layer->decoded) || !Report(op, hmd_plan(&layer->options, &sizes)) ||
      !Check(micro, node, op, layer->options, sizes)) {
    return kTfLiteError;
  }
  return micro->RequestScratchBufferInArena(sizes.scratch_bytes, &layer->scratch);
}

}  // namespace hmd_tflm
