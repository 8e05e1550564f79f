// The ops of the test models. MicroMutableOpResolver itself needs a header that the wheel lacks.
#ifndef TESTS_TFLM_RESOLVER_H_
#define TESTS_TFLM_RESOLVER_H_

#include <cstring>

#include "hmd_tflm.h"
#include "tensorflow/lite/micro/kernels/fully_connected.h"
#include "tensorflow/lite/micro/kernels/micro_ops.h"
#include "tensorflow/lite/micro/kernels/softmax.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

class Resolver : public tflite_micro::MicroOpResolver {
 public:
  Resolver() {
    for (Custom& op : customs_) {
      op.registration.builtin_code = tflite_micro::BuiltinOperator_CUSTOM;
      op.registration.custom_name = op.name;
    }
    for (Builtin& op : builtins_) op.registration.builtin_code = op.code;
  }

  const TFLMRegistration* FindOp(const char* name) const override {
    for (const Custom& op : customs_) {
      if (std::strcmp(name, op.name) == 0) return &op.registration;
    }
    return nullptr;
  }

  const TFLMRegistration* FindOp(tflite_micro::BuiltinOperator code) const override {
    const Builtin* op = Find(code);
    return op == nullptr ? nullptr : &op->registration;
  }

  tflite_micro::TfLiteBridgeBuiltinParseFunction GetOpDataParser(
      tflite_micro::BuiltinOperator code) const override {
    const Builtin* op = Find(code);
    return op == nullptr ? nullptr : op->parser;
  }

 private:
  struct Custom {
    const char* name;
    TFLMRegistration registration;
  };

  struct Builtin {
    tflite_micro::BuiltinOperator code;
    TFLMRegistration registration;
    tflite_micro::TfLiteBridgeBuiltinParseFunction parser;
  };

  const Builtin* Find(tflite_micro::BuiltinOperator code) const {
    for (const Builtin& op : builtins_) {
      if (op.code == code) return &op;
    }
    return nullptr;
  }

  Custom customs_[2] = {{"HMD_LSTM", *hmd_tflm::Register_HMD_LSTM()},
                        {"HMD_GRU", *hmd_tflm::Register_HMD_GRU()}};
  Builtin builtins_[3] = {
      {tflite_micro::BuiltinOperator_CONCATENATION, tflite_micro::Register_CONCATENATION(),
       tflite_micro::ParseConcatenation},
      {tflite_micro::BuiltinOperator_FULLY_CONNECTED, tflite_micro::Register_FULLY_CONNECTED(),
       tflite_micro::ParseFullyConnected},
      {tflite_micro::BuiltinOperator_SOFTMAX, tflite_micro::Register_SOFTMAX(),
       tflite_micro::ParseSoftmax},
  };
};

#endif  // TESTS_TFLM_RESOLVER_H_
