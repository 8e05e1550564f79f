// The HMD_LSTM op: TFLM's tensors and memory around the kernel of hmd_nn.
#include "hmd_lstm.h"
#include "layer.h"

namespace hmd_tflm {

namespace {

constexpr Op kOp = {"HMD_LSTM",
                    HMD_LSTM_GATES,
                    kStates + 2,
                    {{"h", kTfLiteInt8, 1.0f / 128.0f, false},
                     {"c", kTfLiteInt16, 1.0f / 4096.0f, true}}};

void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  return InitLayer(context, buffer, length, kOp);
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  return PrepareLayer(context, node, kOp);
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  auto tensors = TensorsOf<hmd_lstm_tensors>(context, node);
  tensors.h = InputOf(context, node, kStates)->data.int8;
  tensors.c = InputOf(context, node, kStates + 1)->data.i16;
  hmd_lstm_run(&LayerOf(node).options, &tensors);
  return kTfLiteOk;
}

// h and c are variable tensors, which MicroInterpreter::Reset() sets to zero by itself.
TFLMRegistration registration = {Init, nullptr, Prepare, Invoke, nullptr, 0, nullptr};

}  // namespace

TFLMRegistration* Register_HMD_LSTM() { return &registration; }

}  // namespace hmd_tflm
