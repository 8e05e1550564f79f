// What the ops of this library share: a node's options, the checks of its tensors, their memory.
#ifndef HMD_TFLM_LAYER_H_
#define HMD_TFLM_LAYER_H_

#include "hmd_options.h"
#include "hmd_tflm.h"
#include "tensorflow/lite/micro/micro_context.h"

namespace hmd_tflm {

enum Input { kX, kWeights, kTable, kStates };

// What two ops differ in.
struct Op {
  const char* name;
  uint8_t gates;
  int inputs;  // the states among them
  struct {
    const char* name;
    TfLiteType type;
    float scale;
    bool shifted;  // cell_shift makes the scale larger
  } states[2];
};

// What one node keeps from Init to Invoke.
struct Layer {
  hmd_options options;
  hmd_status decoded;
  int scratch;  // TFLM's number of the buffer
};

void* InitLayer(TfLiteContext* context, const char* buffer, size_t length, const Op& op);

TfLiteStatus PrepareLayer(TfLiteContext* context, TfLiteNode* node, const Op& op);

inline const Layer& LayerOf(const TfLiteNode* node) {
  return *static_cast<const Layer*>(node->user_data);
}

inline TfLiteEvalTensor* InputOf(TfLiteContext* context, const TfLiteNode* node, int index) {
  return GetMicroContext(context)->GetEvalTensor(node->inputs->data[index]);
}

// The tensors of one run, of a kernel's own type, without its states.
template <typename Tensors>
Tensors TensorsOf(TfLiteContext* context, const TfLiteNode* node) {
  MicroContext* micro = GetMicroContext(context);
  const TfLiteEvalTensor* x = InputOf(context, node, kX);
  Tensors tensors = {};
  tensors.weights = InputOf(context, node, kWeights)->data.int8;
  tensors.table = InputOf(context, node, kTable)->data.i16;
  tensors.x = x->data.int8;
  tensors.y = micro->GetEvalTensor(node->outputs->data[0])->data.int8;
  tensors.scratch = micro->GetScratchBuffer(LayerOf(node).scratch);
  tensors.batch = x->dims->data[0];
  tensors.steps = x->dims->data[1];
  return tensors;
}

}  // namespace hmd_tflm

#endif  // HMD_TFLM_LAYER_H_
