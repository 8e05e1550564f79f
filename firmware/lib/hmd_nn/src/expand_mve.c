/* int8 values to columns (expand.h), eight at a time: Cortex-M with MVE. */
#include "expand.h"

#ifdef HMD_NN_MVE
#include <arm_mve.h>

void hmd_expand(const int8_t *values, uint32_t count, int zero_point, int shift, int16_t *v) {
  for (int32_t left = (int32_t)count; left > 0; left -= 8, values += 8, v += 8) {
    const mve_pred16_t p = vctp16q((uint32_t)left);
    const int16x8_t moved = vsubq_n_s16(vldrbq_z_s16(values, p), (int16_t)zero_point);
    vstrhq_p_s16(v, vshlq_r_s16(moved, shift), p);
  }
}
#endif
