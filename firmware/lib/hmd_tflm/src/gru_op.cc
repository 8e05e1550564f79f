// The HMD_GRU op: TFLM's tensors and memory around the kernel of hmd_nn.
#include "hmd_gru.h"
#include "layer.h"

namespace hmd_tflm {

namespace {

constexpr Op kOp = {
    "HMD_GRU", HMD_GRU_GATES, kStates + 1, {{"h", kTfLiteInt16, 1.0f / 32768.0f, false}}};

void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  return InitLayer(context, buffer, length, kOp);
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  return PrepareLayer(context, node, kOp);
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  auto tensors = TensorsOf<hmd_gru_tensors>(context, node);
  tensors.h = InputOf(context, node, kStates)->data.i16;
  hmd_gru_run(&LayerOf(node).options, &tensors);
  return kTfLiteOk;
}

// h is a variable tensor, which MicroInterpreter::Reset() sets to zero by itself.
TFLMRegistration registration = {Init, nullptr, Prepare, Invoke, nullptr, 0, nullptr};

}  // namespace

TFLMRegistration* Register_HMD_GRU() { return &registration; }

}  // namespace hmd_tflm
