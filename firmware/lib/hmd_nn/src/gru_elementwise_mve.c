/* The element-wise arithmetic of a step (gru_elementwise.h), eight units at a time: Cortex-M with
   MVE. Bounds are those of the portable code. */
#include "gru_elementwise.h"

#ifdef HMD_NN_MVE
#include "activation_mve.h"

/* Products or sums of even and odd elements to elements. */
static inline int16x8_t join(int32x4_t even, int32x4_t odd) {
  return vmovntq_s32(vmovnbq_s32(vuninitializedq_s16(), even), odd);
}

void hmd_gru_reset(const int16_t *gates, const int16_t *h, uint32_t units, int h_shift,
                   int16_t *v) {
  const int32_t left_shift = h_shift - 23;
  const uint16x8_t pairs = vidupq_n_u16(0, 2);
  for (int32_t left = (int32_t)units; left > 0; left -= 8, gates += 16, h += 8, v += 8) {
    const mve_pred16_t p = vctp16q((uint32_t)left);
    const int16x8_t r = hmd_sigmoid_x8(vldrhq_gather_shifted_offset_z_s16(gates + 1, pairs, p));
    const int16x8_t old = vldrhq_z_s16(h, p);
    const int32x4_t even = vrshlq_n_s32(vmullbq_int_s16(r, old), left_shift);
    const int32x4_t odd = vrshlq_n_s32(vmulltq_int_s16(r, old), left_shift);
    vstrhq_p_s16(v, join(even, odd), p);
  }
}

void hmd_gru_update(const int16_t *gates, const int16_t *candidate, int16_t *h, int8_t *y,
                    uint32_t units, int h_shift, int16_t *v) {
  const uint16x8_t pairs = vidupq_n_u16(0, 2);
  for (int32_t left = (int32_t)units; left > 0;
       left -= 8, gates += 16, candidate += 8, h += 8, y += 8, v += 8) {
    const mve_pred16_t p = vctp16q((uint32_t)left);
    const int16x8_t z = hmd_sigmoid_x8(vldrhq_gather_shifted_offset_z_s16(gates, pairs, p));
    const int16x8_t g = hmd_tanh_of_half_x8(vldrhq_z_s16(candidate, p));
    const int16x8_t old = vldrhq_z_s16(h, p);
    const int32x4_t even_moved = vsubq_s32(vmullbq_int_s16(z, old), vmullbq_int_s16(z, g));
    const int32x4_t odd_moved = vsubq_s32(vmulltq_int_s16(z, old), vmulltq_int_s16(z, g));
    const int32x4_t even = vrshrq_n_s32(vaddq_s32(even_moved, vshllbq_n_s16(g, 15)), 15);
    const int32x4_t odd = vrshrq_n_s32(vaddq_s32(odd_moved, vshlltq_n_s16(g, 15)), 15);
    const int16x8_t hidden = join(even, odd);
    vstrhq_p_s16(h, hidden, p);
    vstrbq_p_s16(y, vminq_s16(vrshrq_n_s16(hidden, 8), vdupq_n_s16(127)), p);
    vstrhq_p_s16(v, vrshlq_n_s16(hidden, h_shift - 8), p);
  }
}
#endif
