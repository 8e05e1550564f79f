/* Where frames come from. This one plays a recording; a sensor with a FIFO has the same two calls, and one
   with an interrupt puts frames into the ring itself. */
#ifndef SENSOR_H
#define SENSOR_H

#include <stdint.h>

/* The first frame is due now, the next ones a period later each. Times are in cycles, modulo 2^32. */
void sensor_start(uint32_t now, uint32_t period);

/* A frame that is due and was not read yet, and when it became due; 0 while there is none. */
const int8_t *sensor_read(uint32_t now, uint32_t *due);

/* Cycles until the next frame is due, 0 if one is; UINT32_MAX after the last one. */
uint32_t sensor_wait(uint32_t now);

#endif
