/* What `hmd-tflm codegen --tflm` writes about a model: facts in model.c, its ops in ops.cc. */
#ifndef TFLM_MODEL_H
#define TFLM_MODEL_H

#include "hmd_model.h"

#ifdef __cplusplus
#include "hmd_tflm.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

/* The ops that the model uses, and no others. */
const HMD_TFLM_NAMESPACE::MicroOpResolver &tflm_model_ops();

extern "C" {
#endif

typedef struct {
  hmd_model_info info; /* with an arena of 0 bytes: TFLM plans it */
  const char *const *op_names;
  const uint8_t *content; /* the .tflite file, aligned to 16 bytes */
} tflm_model_facts;

extern const tflm_model_facts tflm_model;

#ifdef __cplusplus
}
#endif

#endif
