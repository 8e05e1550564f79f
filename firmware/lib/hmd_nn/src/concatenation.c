/* CONCATENATION: rows of the inputs, one behind the other. */
#include <string.h>

#include "hmd_builtin.h"

void hmd_concatenation_s8(uint32_t rows, uint32_t count, const int8_t *const *inputs,
                          const uint32_t *widths, int8_t *output) {
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t i = 0; i < count; i++) {
      memcpy(output, inputs[i] + row * widths[i], widths[i]);
      output += widths[i];
    }
  }
}
