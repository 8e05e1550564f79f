// Comparisons of a tensor with what the options imply; each reports what differs.
#include "expect.h"

#include "tensorflow/lite/micro/micro_log.h"

namespace hmd_tflm {

namespace {

// Scales are printed as whole 1e-9, since small C libraries print no floating point.
int Nano(float scale) { return scale > 0.0f && scale < 2.0f ? static_cast<int>(scale * 1e9f) : -1; }

}  // namespace

bool Expect(const TfLiteTensor& tensor, const char* op, const char* name, TfLiteType type,
            std::initializer_list<int> shape) {
  if (tensor.type != type) {
    MicroPrintf("%s, %s: received type %d, expected %d; convert the model again", op, name,
                static_cast<int>(tensor.type), static_cast<int>(type));
    return false;
  }
  const int dimensions = static_cast<int>(shape.size());
  if (tensor.dims == nullptr || tensor.dims->size != dimensions) {
    MicroPrintf("%s, %s: received %d dimensions, expected %d; convert the model again", op, name,
                tensor.dims == nullptr ? 0 : tensor.dims->size, dimensions);
    return false;
  }
  for (int i = 0; i < dimensions; i++) {
    if (tensor.dims->data[i] != shape.begin()[i]) {
      MicroPrintf("%s, %s: received %d in dimension %d, expected %d; convert the model again", op,
                  name, tensor.dims->data[i], i, shape.begin()[i]);
      return false;
    }
  }
  return true;
}

bool ExpectScale(const TfLiteTensor& tensor, const char* op, const char* name, float scale,
                 int32_t zero_point) {
  const bool same = tensor.params.scale == scale && tensor.params.zero_point == zero_point;
  if (!same) {
    MicroPrintf(
        "%s, %s: received scale %de-9, zero point %d, expected %de-9, %d; convert the model again",
        op, name, Nano(tensor.params.scale), static_cast<int>(tensor.params.zero_point), Nano(scale),
        static_cast<int>(zero_point));
  }
  return same;
}

bool ExpectConstant(const TfLiteTensor& tensor, const char* op, const char* name,
                    uintptr_t alignment) {
  if (tensor.allocation_type != kTfLiteMmapRo) {
    MicroPrintf("%s, %s: must be constant; convert the model again", op, name);
    return false;
  }
  const auto address = reinterpret_cast<uintptr_t>(tensor.data.data);
  if (address % alignment != 0) {
    MicroPrintf("%s, %s: lies %d bytes behind a multiple of %d; align the model to 16 bytes",
                op, name, static_cast<int>(address % alignment), static_cast<int>(alignment));
    return false;
  }
  return true;
}

bool ExpectVariable(const TfLiteTensor& tensor, const char* op, const char* name) {
  if (!tensor.is_variable) {
    MicroPrintf("%s, %s: must be a variable tensor; convert the model again", op, name);
  }
  return tensor.is_variable;
}

}  // namespace hmd_tflm
