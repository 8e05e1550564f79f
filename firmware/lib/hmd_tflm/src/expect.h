// Comparisons of a tensor with what the options imply; each reports what differs.
#ifndef HMD_TFLM_EXPECT_H_
#define HMD_TFLM_EXPECT_H_

#include <cstdint>
#include <initializer_list>

#include "hmd_tflm.h"

namespace hmd_tflm {

bool Expect(const TfLiteTensor& tensor, const char* op, const char* name, TfLiteType type,
            std::initializer_list<int> shape);

bool ExpectScale(const TfLiteTensor& tensor, const char* op, const char* name, float scale,
                 int32_t zero_point);

// In the model's own memory and never written.
bool ExpectConstant(const TfLiteTensor& tensor, const char* op, const char* name,
                    uintptr_t alignment);

bool ExpectVariable(const TfLiteTensor& tensor, const char* op, const char* name);

}  // namespace hmd_tflm

#endif  // HMD_TFLM_EXPECT_H_
