/* Plays the recording at its own speed, by the core's cycle counter. */
#include "sensor.h"

#include "recording.h"

static uint32_t next, next_due, period;

void sensor_start(uint32_t now, uint32_t period_cycles) {
  next = 0;
  next_due = now;
  period = period_cycles;
}

uint32_t sensor_wait(uint32_t now) {
  const int32_t left = (int32_t)(next_due - now); /* the counter wraps, a wait is far shorter */
  if (next == recording.frame_count) return UINT32_MAX;
  return left > 0 ? (uint32_t)left : 0;
}

const int8_t *sensor_read(uint32_t now, uint32_t *due) {
  if (sensor_wait(now) > 0) return 0;
  *due = next_due;
  next_due += period;
  return recording.frames + next++ * recording.frame_bytes;
}
