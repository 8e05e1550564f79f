// The HMD_LSTM op: TFLM's tensors and memory around the kernels of hmd_nn.
#include "expect.h"
#include "hmd_lstm.h"
#include "hmd_tflm.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace hmd_tflm {

namespace {

enum Input { kX, kWeights, kTable, kH, kC, kInputs };

// What one node keeps from Init to Invoke.
struct Layer {
  hmd_lstm_options options;
  hmd_status decoded;
  int scratch;  // TFLM's number of the buffer
};

bool Report(hmd_status status) {
  if (status != HMD_OK) MicroPrintf("HMD_LSTM: %s", hmd_status_text(status));
  return status == HMD_OK;
}

void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  auto* layer =
      static_cast<Layer*>(GetMicroContext(context)->AllocatePersistentBuffer(sizeof(Layer)));
  if (layer != nullptr) layer->decoded = hmd_lstm_decode(buffer, length, &layer->options);
  return layer;
}

// Shows one tensor with its quantisation to `check`. TFLM lends it from what is left of the arena:
// hence one at a time.
template <typename F>
bool Look(MicroContext* context, TfLiteTensor* tensor, const F& check) {
  if (tensor == nullptr) {
    MicroPrintf("HMD_LSTM: a tensor is missing, or the arena is too small");
    return false;
  }
  const bool good = check(*tensor);
  context->DeallocateTempTfLiteTensor(tensor);
  return good;
}

bool Check(MicroContext* context, const TfLiteNode* node, const hmd_lstm_options& o,
           const hmd_lstm_sizes& sizes) {
  if (node->inputs->size != kInputs || node->outputs->size != 1) {
    MicroPrintf("HMD_LSTM: received %d inputs, %d outputs, expected %d, 1", node->inputs->size,
                node->outputs->size, static_cast<int>(kInputs));
    return false;
  }
  int batch = 1, steps = 1;
  const auto check_x = [&](const TfLiteTensor& x) {
    if (x.dims != nullptr && x.dims->size == 3) {
      batch = x.dims->data[0];
      steps = x.dims->data[1];
    }
    return Expect(x, "x", kTfLiteInt8, {batch, steps, o.inputs}) &&
           ExpectScale(x, "x", o.x_scale, o.x_zero_point);
  };
  const auto check_weights = [&](const TfLiteTensor& weights) {
    const int bytes = static_cast<int>(sizes.weights_bytes);
    return Expect(weights, "weights", kTfLiteInt8, {bytes}) &&
           ExpectConstant(weights, "weights", 4) &&
           Report(hmd_lstm_check_weights(&o, weights.data.int8));
  };
  const auto check_table = [&](const TfLiteTensor& table) {
    const int rows = static_cast<int>(sizes.table_rows);
    return Expect(table, "requantization", kTfLiteInt16, {rows, 2}) &&
           ExpectConstant(table, "requantization", 2);
  };
  const auto check_h = [&](const TfLiteTensor& h) {
    return Expect(h, "h", kTfLiteInt8, {batch, o.units}) && ExpectVariable(h, "h");
  };
  const auto check_c = [&](const TfLiteTensor& c) {
    return Expect(c, "c", kTfLiteInt16, {batch, o.units}) && ExpectVariable(c, "c");
  };
  const auto check_y = [&](const TfLiteTensor& y) {
    const bool sequences = (o.flags & HMD_LSTM_RETURN_SEQUENCES) != 0;
    return (sequences ? Expect(y, "y", kTfLiteInt8, {batch, steps, o.units})
                      : Expect(y, "y", kTfLiteInt8, {batch, o.units})) &&
           ExpectScale(y, "y", 1.0f / 128.0f, 0);
  };
  const auto input = [&](int index) { return context->AllocateTempInputTensor(node, index); };
  return Look(context, input(kX), check_x) && Look(context, input(kWeights), check_weights) &&
         Look(context, input(kTable), check_table) && Look(context, input(kH), check_h) &&
         Look(context, input(kC), check_c) &&
         Look(context, context->AllocateTempOutputTensor(node, 0), check_y);
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  MicroContext* micro = GetMicroContext(context);
  auto* layer = static_cast<Layer*>(node->user_data);
  hmd_lstm_sizes sizes;
  if (layer == nullptr) {
    MicroPrintf("HMD_LSTM: the arena is too small");
    return kTfLiteError;
  }
  if (!Report(layer->decoded) || !Report(hmd_lstm_plan(&layer->options, &sizes)) ||
      !Check(micro, node, layer->options, sizes)) {
    return kTfLiteError;
  }
  return micro->RequestScratchBufferInArena(sizes.scratch_bytes, &layer->scratch);
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  MicroContext* micro = GetMicroContext(context);
  const auto* layer = static_cast<const Layer*>(node->user_data);
  const auto input = [&](int index) { return micro->GetEvalTensor(node->inputs->data[index]); };
  const TfLiteEvalTensor* x = input(kX);
  hmd_lstm_tensors tensors;
  tensors.weights = input(kWeights)->data.int8;
  tensors.table = input(kTable)->data.i16;
  tensors.x = x->data.int8;
  tensors.y = micro->GetEvalTensor(node->outputs->data[0])->data.int8;
  tensors.h = input(kH)->data.int8;
  tensors.c = input(kC)->data.i16;
  tensors.scratch = micro->GetScratchBuffer(layer->scratch);
  tensors.batch = x->dims->data[0];
  tensors.steps = x->dims->data[1];
  hmd_lstm_run(&layer->options, &tensors);
  return kTfLiteOk;
}

// h and c are variable tensors, which MicroInterpreter::Reset() sets to zero by itself.
TFLMRegistration registration = {Init, nullptr, Prepare, Invoke, nullptr, 0, nullptr};

}  // namespace

TFLMRegistration* Register_HMD_LSTM() { return &registration; }

}  // namespace hmd_tflm
