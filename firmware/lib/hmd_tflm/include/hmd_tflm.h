/* The ops HMD_LSTM and HMD_GRU for TensorFlow Lite Micro. */
#ifndef HMD_TFLM_H_
#define HMD_TFLM_H_

#include "tensorflow/lite/micro/micro_common.h"

/* Where TFLM's names live: from October 2026 on, define this as tflite::micro. */
#ifndef HMD_TFLM_NAMESPACE
#define HMD_TFLM_NAMESPACE tflite
#endif

namespace HMD_TFLM_NAMESPACE {}

namespace hmd_tflm {

using namespace HMD_TFLM_NAMESPACE;

/* For MicroMutableOpResolver::AddCustom("HMD_LSTM", hmd_tflm::Register_HMD_LSTM()), and likewise. */
TFLMRegistration* Register_HMD_LSTM();
TFLMRegistration* Register_HMD_GRU();

}  // namespace hmd_tflm

#endif  // HMD_TFLM_H_
