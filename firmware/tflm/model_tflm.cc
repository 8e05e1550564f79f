// Implements hmd_model.h by TensorFlow Lite Micro; the arena is all RAM that is left.
#include <cstdint>
#include <new>

#include "hmd_model.h"
#include "tensorflow/lite/micro/compatibility.h"
#include "tensorflow/lite/micro/cortex_m_generic/debug_log_callback.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tflm_model.h"

using namespace HMD_TFLM_NAMESPACE;

extern "C" uint8_t __bss_end[], __ram_end[];  // ld/sections.ld

namespace {

constexpr uintptr_t kAlignment = 16;
constexpr int kNotProfiled = -1;

// TFLM tells a profiler where each op ends.
class OpDone : public MicroProfilerInterface {
 public:
  void Start(void (*op_done)(void *), void *context) {
    op_done_ = op_done;
    context_ = context;
    count_ = 0;
  }
  uint32_t count() const { return count_; }

  uint32_t BeginEvent(const char *) override { return 0; }
  void EndEvent(uint32_t) override {
    count_++;
    op_done_(context_);
  }

 private:
  TF_LITE_REMOVE_VIRTUAL_DELETE

  void (*op_done_)(void *) = nullptr;
  void *context_ = nullptr;
  uint32_t count_ = 0;
};

OpDone profiler;
alignas(MicroInterpreter) uint8_t memory[sizeof(MicroInterpreter)];
MicroInterpreter *interpreter;
hmd_model_info info;

}  // namespace

const hmd_model_info *hmd_model(void) {
  if (info.name == nullptr) info = tflm_model.info;
  return &info;
}

int hmd_model_init(void) {
  hmd_model();  // whose arena_bytes and op_count are needed from here on
  RegisterDebugLogCallback(hmd_model_log);
  static const MicroOpResolver &ops = tflm_model_ops();  // it adds them once
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(__bss_end) + kAlignment - 1) & -kAlignment;
  const uintptr_t bytes = reinterpret_cast<uintptr_t>(__ram_end) - begin;
  interpreter = new (memory)
      MicroInterpreter(GetModel(tflm_model.content), ops, reinterpret_cast<uint8_t *>(begin), bytes,
                       nullptr, &profiler);
  const TfLiteStatus status = interpreter->AllocateTensors();
  if (status == kTfLiteOk) info.arena_bytes = interpreter->arena_used_bytes();
  return status;
}

void *hmd_model_input(void) { return interpreter->input(0)->data.data; }

const void *hmd_model_output(void) { return interpreter->output(0)->data.data; }

void hmd_model_reset(void) { interpreter->Reset(); }

const char *hmd_model_op_name(uint32_t op) { return tflm_model.op_names[op]; }

int hmd_model_run(void (*op_done)(void *), void *context) {
  profiler.Start(op_done, context);
  const TfLiteStatus status = interpreter->Invoke();
  if (status != kTfLiteOk) return status;
  return profiler.count() == info.op_count ? 0 : kNotProfiled;
}

uint32_t hmd_model_arena_high_water(void) { return info.arena_bytes; }
