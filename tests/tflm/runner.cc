// Runs a .tflite in TFLM: `runner MODEL ARENA_BYTES OFFSET < requests > outputs`.
// A request is 'r' and the input's bytes, answered by the output's bytes, or '0': Reset().
// OFFSET: bytes from a multiple of 16 to the model in memory. Messages go to standard error.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"

// What TFLM asks of every platform; the library's own writes to standard output.
extern "C" void DebugLog(const char* format, va_list arguments) {
  std::vfprintf(stderr, format, arguments);
}

namespace {

constexpr size_t kAlignment = 16;

uint8_t* Aligned(std::vector<uint8_t>& memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  return memory.data() + (kAlignment - address % kAlignment) % kAlignment;
}

bool Serve(tflite_micro::MicroInterpreter& interpreter) {
  TfLiteTensor *input = interpreter.input(0), *output = interpreter.output(0);
  for (int request = std::getchar(); request != EOF; request = std::getchar()) {
    if (request == '0') {
      if (interpreter.Reset() != kTfLiteOk) return false;
    } else if (std::fread(input->data.data, input->bytes, 1, stdin) != 1 ||
               interpreter.Invoke() != kTfLiteOk ||
               std::fwrite(output->data.data, output->bytes, 1, stdout) != 1) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  const size_t arena_bytes = std::strtoul(arguments[2], nullptr, 10);
  const size_t offset = std::strtoul(arguments[3], nullptr, 10);

  std::vector<uint8_t> model_memory(content.size() + offset + kAlignment);
  std::vector<uint8_t> arena(arena_bytes + kAlignment);
  uint8_t* model = Aligned(model_memory) + offset;
  std::copy(content.begin(), content.end(), model);

  const Resolver resolver;
  tflite_micro::MicroInterpreter interpreter(tflite_micro::GetModel(model), resolver,
                                             Aligned(arena), arena_bytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 2;
  std::fprintf(stderr, "arena %zu\n", interpreter.arena_used_bytes());
  return Serve(interpreter) ? 0 : 1;
}
