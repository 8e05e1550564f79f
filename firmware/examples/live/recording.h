/* A recording in flash, in place of a sensor: recording.c is written by prepare.py. */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdint.h>

typedef struct {
  uint32_t frame_bytes; /* of one time step: the model's input, quantised */
  uint32_t frame_count;
  uint32_t window; /* frames of a sequence: after each, the model's state begins anew */
  uint32_t period_us;
  uint32_t class_count;
  const char *const *classes;
  const int8_t *frames;
} live_recording;

extern const live_recording recording;

#endif
