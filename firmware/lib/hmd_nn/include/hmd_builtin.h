/* Small int8 ops around the recurrent one, bit for bit as TensorFlow Lite's reference kernels.
   Every number in these structs comes from hmd_tflm/codegen/quantization.py, which also refuses
   a model that could leave the bounds stated in the kernels. */
#ifndef HMD_BUILTIN_H_
#define HMD_BUILTIN_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The real number multiplier * 2^(shift - 31). */
typedef struct {
  int32_t multiplier; /* 0, or 2^30..2^31-1 */
  int32_t shift;      /* -31..30 */
} hmd_multiplier;

/* How a result becomes int8. */
typedef struct {
  int32_t zero_point;
  int32_t minimum, maximum; /* of the fused activation */
} hmd_output;

typedef struct {
  const int8_t *weights; /* [outputs, inputs] */
  const int32_t *bias;   /* [outputs], with the input's zero point folded in */
  const hmd_multiplier *multipliers; /* [outputs] if per_channel, else one */
  uint32_t inputs, outputs, per_channel;
  hmd_output output;
} hmd_fully_connected;

typedef struct {
  int32_t multiplier, left_shift; /* of the input, to Q5.26; left_shift 1..31 */
  int32_t diff_min; /* values further below the row's largest count as zero; -255..0 */
} hmd_softmax;

typedef struct {
  int32_t a_zero_point, b_zero_point;
  hmd_multiplier a, b; /* to half the larger of the two scales */
  hmd_multiplier sum;
  hmd_output output;
} hmd_add;

typedef struct {
  int32_t a_zero_point, b_zero_point;
  hmd_multiplier product;
  hmd_output output;
} hmd_mul;

/* FULLY_CONNECTED: input [batches, inputs], output [batches, outputs]. */
void hmd_fully_connected_s8(const hmd_fully_connected *layer, uint32_t batches,
                            const int8_t *input, int8_t *output);

/* SOFTMAX over the last axis, of at most 511 values; scale 1/256, zero point -128. */
void hmd_softmax_s8(const hmd_softmax *softmax, uint32_t rows, uint32_t depth,
                    const int8_t *input, int8_t *output);

/* Any op of one input with fixed scales (QUANTIZE, RELU*, LOGISTIC, TANH): table[x + 128].
   The output may be the input. */
void hmd_lookup_s8(const int8_t table[256], uint32_t length, const int8_t *input, int8_t *output);

/* CONCATENATION of tensors of one scale and zero point. `rows` is the product of the dimensions
   before the axis; widths[i] that of the others of input i. */
void hmd_concatenation_s8(uint32_t rows, uint32_t count, const int8_t *const *inputs,
                          const uint32_t *widths, int8_t *output);

/* ADD and MUL of tensors of one shape. The output may be an input. */
void hmd_add_s8(const hmd_add *add, uint32_t length, const int8_t *a, const int8_t *b,
                int8_t *output);
void hmd_mul_s8(const hmd_mul *mul, uint32_t length, const int8_t *a, const int8_t *b,
                int8_t *output);

#ifdef __cplusplus
}
#endif
#endif
