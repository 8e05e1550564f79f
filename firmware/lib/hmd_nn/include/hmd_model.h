/* The seam between the application and a model: generated C and a TFLM build both implement it. */
#ifndef HMD_MODEL_H
#define HMD_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char *name;      /* one word */
  uint32_t input_bytes;  /* of one inference */
  uint32_t output_bytes; /* of one inference */
  uint32_t arena_bytes;  /* reserved for tensors and state */
  uint32_t op_count;
  uint32_t crc32; /* of the .tflite file */
} hmd_model_info;

/* Facts about the model; valid before hmd_model_init(). */
const hmd_model_info *hmd_model(void);

/* Makes the model ready. 0, or a status that the application reports as an error; then it may be
   called again. */
int hmd_model_init(void);

/* input_bytes, written before the first op; a run may overwrite them. */
void *hmd_model_input(void);

/* output_bytes, valid after the last op until the next input is written, which may lie there. */
const void *hmd_model_output(void);

/* Sets the recurrent state to zero. */
void hmd_model_reset(void);

/* One word without a comma; op < op_count. */
const char *hmd_model_op_name(uint32_t op);

/* Runs one inference and calls op_done(context) after each op, in their order: a callback, since
   TFLM runs all ops in one call. 0, or the status of the op after the last that was done. */
int hmd_model_run(void (*op_done)(void *context), void *context);

/* Bytes of the arena that were ever touched. */
uint32_t hmd_model_arena_high_water(void);

/* Takes a message for people, whole or in parts, each line with a newline at its end: the
   application defines it, a model calls it from hmd_model_init(), _reset() and _run(). */
void hmd_model_log(const char *text);

#ifdef __cplusplus
}
#endif

#endif
