/* Frames that wait for the model. One side puts, the other takes, so that one may be an interrupt. */
#ifndef RING_H
#define RING_H

#include <stdint.h>

#define RING_FRAMES 8u /* a power of two: the counters wrap */
#define RING_FRAME_BYTES 64u

typedef struct {
  uint32_t due; /* when the frame came, in cycles */
  int8_t data[RING_FRAME_BYTES];
} ring_frame;

typedef struct {
  ring_frame frames[RING_FRAMES];
  volatile uint32_t put, taken; /* since the start, modulo 2^32 */
} ring;

/* Keeps the compiler from moving a frame's bytes past the counter that publishes them. */
#define RING_BARRIER() __asm__ volatile("" ::: "memory")

/* Where the next frame goes, 0 where the ring is full; ring_put() after it is written. */
static inline ring_frame *ring_free(ring *r) {
  return r->put - r->taken < RING_FRAMES ? &r->frames[r->put % RING_FRAMES] : 0;
}

static inline void ring_put(ring *r) {
  RING_BARRIER();
  r->put = r->put + 1;
}

/* The oldest frame, 0 where the ring is empty; ring_take() when it is done with. */
static inline const ring_frame *ring_oldest(const ring *r) {
  return r->put != r->taken ? &r->frames[r->taken % RING_FRAMES] : 0;
}

static inline void ring_take(ring *r) {
  RING_BARRIER();
  r->taken = r->taken + 1;
}

#endif
