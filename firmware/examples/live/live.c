/* A stateful model on a stream: a frame comes every period and is one time step; after each window of
   frames the application says what the model sees, what it cost, and whether a deadline was missed.
   Lines have the protocol's checksum (docs/protocol.md). */
#include <string.h>

#include "bsp.h"
#include "crc16.h"
#include "hmd_model.h"
#include "protocol.h"
#include "recording.h"
#include "reply.h"
#include "ring.h"
#include "sensor.h"

#define STATUS_OTHER_RECORDING (-1001) /* recording.c is not of this model */

typedef struct {
  uint32_t frames;
  uint32_t missed; /* frames that were not done when the next one was due */
  uint32_t lost;   /* frames for which there was no room */
  uint32_t most;   /* cycles of a frame */
  uint64_t cycles; /* of all frames */
} load;

static protocol line = {.reply = CRC16_START};
static ring waiting;
static load window, total;
static uint32_t period; /* cycles */

void hmd_model_log(const char *text) { protocol_log(&line, text); }

void bsp_on_fault(uint32_t pc, uint32_t status) { protocol_fault(&line, pc, status); }

/* Takes in what has come; also called after each op of the model, so that no frame waits for long. */
static void take_in(void *unused) {
  (void)unused;
  uint32_t due;
  for (const int8_t *frame; (frame = sensor_read(bsp_cycles(), &due));) {
    ring_frame *place = ring_free(&waiting);
    if (!place) {
      ++window.lost;
      continue;
    }
    place->due = due;
    memcpy(place->data, frame, recording.frame_bytes);
    ring_put(&waiting);
  }
}

/* One time step. */
static int process(const ring_frame *frame) {
  const uint32_t begin = bsp_cycles();
  memcpy(hmd_model_input(), frame->data, recording.frame_bytes);
  const int status = hmd_model_run(take_in, 0);
  const uint32_t end = bsp_cycles();
  ++window.frames;
  window.missed += end - frame->due > period;
  window.cycles += end - begin;
  if (end - begin > window.most) window.most = end - begin;
  return status;
}

static void say_load(const load *l) {
  const uint32_t mean = (uint32_t)(l->cycles / (l->frames ? l->frames : 1));
  const uint32_t hundredths = (uint32_t)((uint64_t)mean * 10000 / period); /* of a percent */
  reply_count(&line, "frames", l->frames);
  reply_count(&line, "cycles_mean", mean);
  reply_count(&line, "cycles_max", l->most);
  reply_count(&line, "load", hundredths / 100);
  reply_text(&line, hundredths % 100 < 10 ? ".0" : ".");
  reply_decimal(&line, hundredths % 100);
  reply_text(&line, "%");
  reply_count(&line, "missed", l->missed);
  reply_count(&line, "lost", l->lost);
  reply_end(&line);
}

static void say_window(uint32_t number) {
  const int8_t *scores = hmd_model_output();
  uint32_t best = 0;
  for (uint32_t i = 1; i < recording.class_count; ++i) {
    if (scores[i] > scores[best]) best = i;
  }
  reply_text(&line, "window");
  reply_count(&line, "number", number);
  reply_word(&line, "class", recording.classes[best]);
  reply_name(&line, "output");
  for (uint32_t i = 0; i < recording.class_count; ++i) reply_hex(&line, (uint8_t)scores[i], 2);
  say_load(&window);
}

static void add_window(void) {
  total.frames += window.frames;
  total.missed += window.missed;
  total.lost += window.lost;
  total.cycles += window.cycles;
  if (window.most > total.most) total.most = window.most;
  window = (load){0};
}

/* Stands in for sleep until the sensor's interrupt: 10 instructions a turn, fewer than 16 cycles, so that
   it ends a little early and is called again. */
static void idle(uint32_t cycles) {
  for (uint32_t turn = cycles / 16; turn; --turn) {
    __asm__ volatile("nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop");
  }
}

/* Until the sensor ends; 0, or the status of a model that failed. */
static int listen(void) {
  uint32_t number = 0;
  hmd_model_reset();
  sensor_start(bsp_cycles(), period);
  for (uint32_t wait = 0; wait != UINT32_MAX || ring_oldest(&waiting);) {
    take_in(0);
    const ring_frame *frame = ring_oldest(&waiting);
    if (frame) {
      const int status = process(frame);
      if (status) return status;
      ring_take(&waiting);
      if (window.frames == recording.window) {
        say_window(++number);
        add_window();
        hmd_model_reset();
      }
    }
    wait = sensor_wait(bsp_cycles());
    if (wait != UINT32_MAX && !ring_oldest(&waiting)) idle(wait);
  }
  add_window();
  return 0;
}

static int start(void) {
  const hmd_model_info *model = hmd_model();
  line.board.put = bsp_putc;
  period = (uint32_t)((uint64_t)bsp_clock_hz() * recording.period_us / 1000000);
  reply_text(&line, "live");
  reply_word(&line, "model", model->name);
  reply_word(&line, "board", bsp_board());
  reply_count(&line, "clock_hz", bsp_clock_hz());
  reply_count(&line, "period_us", recording.period_us);
  reply_count(&line, "window", recording.window);
  reply_end(&line);
  const int fits = model->input_bytes == recording.frame_bytes &&
                   model->output_bytes == recording.class_count &&
                   recording.frame_bytes <= RING_FRAME_BYTES;
  return fits ? hmd_model_init() : STATUS_OTHER_RECORDING;
}

int main(void) {
  bsp_init();
  int status = start();
  while (status == 0) {
    total = window = (load){0};
    status = listen();
    if (status) break;
    reply_text(&line, "done");
    say_load(&total);
    bsp_getc(); /* any character: again */
  }
  reply_text(&line, "err model");
  reply_status(&line, "status", status);
  reply_end(&line);
  for (;;) bsp_getc();
}
