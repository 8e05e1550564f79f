/* Any int8 op of one input, as a table. */
#include "hmd_builtin.h"

void hmd_lookup_s8(const int8_t table[256], uint32_t length, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < length; i++) {
    output[i] = table[input[i] + 128];
  }
}
