/* One inference of the model in model.c, which `hmd-tflm codegen` wrote. */
#include <string.h>

#include "hmd_model.h"

void show(const int8_t *values, uint32_t count); /* yours: to a UART, a display, ... */

static void op_done(void *context) { (void)context; }

int main(void) {
  const hmd_model_info *model = hmd_model();
  if (hmd_model_init() != 0) return 1;
  memset(hmd_model_input(), 0, model->input_bytes); /* your features, quantised */
  if (hmd_model_run(op_done, NULL) != 0) return 1;
  show(hmd_model_output(), model->output_bytes);
  return 0;
}
