/* The element-wise arithmetic of a step (lstm_elementwise.h), eight units at a time: Cortex-M with
   MVE. Bounds are those of the portable code. */
#include "lstm_elementwise.h"

#ifdef HMD_NN_MVE
#include "activation_mve.h"

void hmd_lstm_update(const int16_t *pre, int16_t *c, int8_t *h, int16_t *v, uint32_t units,
                     int cell_shift, int h_shift) {
  const int32_t right = -(3 + cell_shift);
  const uint16x8_t gates = vshlq_n_u16(vidupq_n_u16(0, 1), 2); /* of the same kind, in pre */
  for (int32_t left = (int32_t)units; left > 0; left -= 8, pre += 32, c += 8, h += 8, v += 8) {
    const mve_pred16_t p = vctp16q((uint32_t)left);
    const int16x8_t i = hmd_sigmoid_x8(vldrhq_gather_shifted_offset_z_s16(pre, gates, p));
    const int16x8_t f = hmd_sigmoid_x8(vldrhq_gather_shifted_offset_z_s16(pre + 1, gates, p));
    const int16x8_t g = hmd_tanh_of_half_x8(vldrhq_gather_shifted_offset_z_s16(pre + 2, gates, p));
    const int16x8_t o = hmd_sigmoid_x8(vldrhq_gather_shifted_offset_z_s16(pre + 3, gates, p));
    const int16x8_t old = vldrhq_z_s16(c, p);
    const int32x4_t even_new = vshlq_r_s32(vmullbq_int_s16(i, g), right);
    const int32x4_t odd_new = vshlq_r_s32(vmulltq_int_s16(i, g), right);
    const int32x4_t even_c = vaddq_s32(vmullbq_int_s16(f, old), even_new);
    const int32x4_t odd_c = vaddq_s32(vmulltq_int_s16(f, old), odd_new);
    const int16x8_t cell = vqrshrntq_n_s32(vqrshrnbq_n_s32(old, even_c, 15), odd_c, 15);
    const int16x8_t tanh_cell = hmd_tanh_of_half_x8(vqshlq_r_s16(cell, 1 + cell_shift));
    const int32x4_t even_h = vrshrq_n_s32(vmullbq_int_s16(o, tanh_cell), 23); /* -128..128 */
    const int32x4_t odd_h = vrshrq_n_s32(vmulltq_int_s16(o, tanh_cell), 23);
    int16x8_t hidden = vmovntq_s32(vmovnbq_s32(old, even_h), odd_h);
    hidden = vminq_s16(hidden, vdupq_n_s16(127));
    vstrhq_p_s16(c, cell, p);
    vstrbq_p_s16(h, hidden, p);
    vstrhq_p_s16(v, vshlq_r_s16(hidden, h_shift), p);
  }
}
#endif
