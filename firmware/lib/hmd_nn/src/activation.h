/* Sigmoid and tanh of Q3.12 numbers by one table, as Q0.15 (docs/op.md). */
#ifndef HMD_NN_ACTIVATION_H_
#define HMD_NN_ACTIVATION_H_

#include <stdint.h>

extern const int16_t hmd_sigmoid_table[1024];

/* 11..32757. */
static inline int32_t hmd_sigmoid(int16_t x) { return hmd_sigmoid_table[(x >> 6) + 512]; }

/* tanh(x / 2), -32746..32746. */
static inline int32_t hmd_tanh_of_half(int16_t x) { return 2 * hmd_sigmoid(x) - 32768; }

#endif
