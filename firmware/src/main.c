/* The board application: a model behind the line protocol of docs/protocol.md. */
#include "bsp.h"
#include "hmd_model.h"
#include "protocol.h"

static protocol line;

void hmd_model_log(const char *text) { protocol_log(&line, text); }

void bsp_on_fault(uint32_t pc, uint32_t status) { protocol_fault(&line, pc, status); }

int main(void) {
  bsp_init();
  line.board = (protocol_board){
      .put = bsp_putc,
      .cycles = bsp_cycles,
      .stack_high_water = bsp_stack_high_water,
      .name = bsp_board(),
      .clock_hz = bsp_clock_hz(),
  };
  protocol_start(&line);
  for (;;) protocol_receive(&line, bsp_getc());
}
