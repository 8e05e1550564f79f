// One inference in TensorFlow Lite Micro of a model with HMD_LSTM, FULLY_CONNECTED and SOFTMAX.
#include <cstring>

#include "hmd_tflm.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using namespace HMD_TFLM_NAMESPACE;

extern "C" const unsigned char model[];        // the .tflite file, aligned to 16 bytes
void show(const int8_t *values, size_t count);  // yours: to a UART, a display, ...

alignas(16) static uint8_t arena[8 * 1024];

int main() {
  MicroMutableOpResolver<3> ops;
  ops.AddCustom("HMD_LSTM", hmd_tflm::Register_HMD_LSTM());
  ops.AddFullyConnected();
  ops.AddSoftmax();
  MicroInterpreter interpreter(GetModel(model), ops, arena, sizeof(arena));
  if (interpreter.AllocateTensors() != kTfLiteOk) return 1;
  std::memset(interpreter.input(0)->data.int8, 0, interpreter.input(0)->bytes);  // your features
  if (interpreter.Invoke() != kTfLiteOk) return 1;
  show(interpreter.output(0)->data.int8, interpreter.output(0)->bytes);
  return 0;
}
