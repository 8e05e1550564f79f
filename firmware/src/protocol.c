/* Parses requests character by character, without a line buffer, and answers each line once. */
#include "protocol.h"

#include <string.h>

#include "crc16.h"
#include "hmd_model.h"
#include "reply.h"

static void start_line(protocol *p) {
  p->part = PROTOCOL_WORD;
  p->crc = CRC16_START;
  p->checksum = 0;
  p->checksum_digits = 0;
  p->space = 0;
  p->word[0] = 0;
  p->word_length = 0;
  p->step = 0;
  p->step_digits = 0;
  p->input = 0;
  p->digits = 0;
  p->bad_digit = 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static void take_word(protocol *p, char c) {
  if (c == ' ') {
    p->part = strcmp(p->word, "run") == 0 ? PROTOCOL_STEP : PROTOCOL_ARGUMENT;
  } else if (p->word_length <= PROTOCOL_MAX_WORD) {
    p->word[p->word_length++] = c;
    p->word[p->word_length] = 0;
  }
}

static int step_valid(const protocol *p) { return p->step_digits > 0 && p->step_digits < UINT8_MAX; }

/* Only the next step's input is written: it may lie where the last output lies. */
static void take_step(protocol *p, char c) {
  const uint32_t digit = (uint32_t)c - '0';
  if (c == ' ') {
    p->part = PROTOCOL_ARGUMENT;
    if (p->status == 0 && step_valid(p) && p->step == p->done) {
      p->input = hmd_model_input();
      p->repeatable = 0;
    }
  } else if (digit > 9 || p->step > (UINT32_MAX - digit) / 10) {
    p->step_digits = UINT8_MAX;
  } else if (p->step_digits < UINT8_MAX) {
    p->step = p->step * 10 + digit;
    ++p->step_digits;
  }
}

/* High digit first. The byte is written whole with its first digit and completed by its second. */
static void take_argument(protocol *p, char c) {
  const int digit = hex_digit(c);
  const uint32_t byte = p->digits / 2;
  if (digit >= 0 && p->bad_digit == p->digits) {
    ++p->bad_digit;
    if (p->input && byte < hmd_model()->input_bytes) {
      p->input[byte] = (uint8_t)(p->digits % 2 ? p->input[byte] | digit : digit << 4);
    }
  }
  ++p->digits;
}

static void take_text(protocol *p, char c) {
  p->crc = crc16(p->crc, (uint8_t)c);
  if (p->part == PROTOCOL_WORD) {
    take_word(p, c);
  } else if (p->part == PROTOCOL_STEP) {
    take_step(p, c);
  } else {
    take_argument(p, c);
  }
}

static void take_checksum(protocol *p, char c) {
  const int digit = hex_digit(c);
  if (digit < 0 || p->checksum_digits >= 4) {
    p->checksum_digits = UINT8_MAX;
  } else {
    p->checksum = (uint16_t)(p->checksum << 4 | digit);
    ++p->checksum_digits;
  }
}

static void end_log(protocol *p) {
  if (p->logging) reply_end(p);
  p->logging = 0;
}

static void error_model(protocol *p, int status) {
  reply_text(p, "err model");
  reply_status(p, "status", status);
}

static void info(protocol *p) {
  const hmd_model_info *model = hmd_model();
  reply_text(p, "ok");
  reply_count(p, "protocol", PROTOCOL_VERSION);
  reply_word(p, "model", model->name);
  reply_name(p, "crc32");
  reply_hex(p, model->crc32, 8);
  reply_word(p, "board", p->board.name);
  reply_count(p, "clock_hz", p->board.clock_hz);
  reply_count(p, "input", model->input_bytes);
  reply_count(p, "output", model->output_bytes);
  reply_count(p, "arena", model->arena_bytes);
  reply_name(p, "ops");
  for (uint32_t op = 0; op < model->op_count; ++op) {
    if (op) reply_text(p, ",");
    reply_text(p, hmd_model_op_name(op));
  }
}

static void read_cycles(void *context) {
  protocol *p = context;
  if (p->readings <= PROTOCOL_MAX_OPS) p->times[p->readings++] = p->board.cycles();
}

static void result(protocol *p) {
  const hmd_model_info *model = hmd_model();
  const uint8_t *output = hmd_model_output();
  reply_text(p, "ok");
  reply_count(p, "step", p->done - 1);
  reply_name(p, "output");
  for (uint32_t byte = 0; byte < model->output_bytes; ++byte) reply_hex(p, output[byte], 2);
  reply_count(p, "cycles", p->times[model->op_count] - p->times[0]);
  reply_name(p, "op_cycles");
  for (uint32_t op = 0; op < model->op_count; ++op) {
    if (op) reply_text(p, ",");
    reply_decimal(p, p->times[op + 1] - p->times[op]);
  }
  reply_count(p, "stack", p->board.stack_high_water());
  reply_count(p, "arena", hmd_model_arena_high_water());
}

/* The counter is read once before the first op and once after each: nothing else in between. */
static void run(protocol *p) {
  p->readings = 0;
  read_cycles(p);
  const int status = hmd_model_run(read_cycles, p);
  end_log(p);
  if (status) {
    error_model(p, status);
    reply_count(p, "op", p->readings - 1);
    return;
  }
  ++p->done;
  p->repeatable = 1;
  result(p);
}

static void make_ready(protocol *p) {
  const int too_many = hmd_model()->op_count > PROTOCOL_MAX_OPS;
  p->status = too_many ? PROTOCOL_TOO_MANY_OPS : hmd_model_init();
  end_log(p);
}

/* A model that was not ready is made so again: its messages come again, too. */
static void reset(protocol *p) {
  if (p->status) {
    make_ready(p);
  } else {
    hmd_model_reset();
  }
  if (p->status) {
    error_model(p, p->status);
    return;
  }
  p->done = 0;
  p->repeatable = 0;
  reply_text(p, "ok");
  reply_count(p, "step", p->done);
}

static void error_crc(protocol *p) {
  reply_text(p, "err crc");
  reply_name(p, "received");
  if (p->checksum_digits == 4) {
    reply_hex(p, p->checksum, 4);
  } else {
    reply_text(p, "none");
  }
  reply_name(p, "expected");
  reply_hex(p, p->crc, 4);
}

static void error_step(protocol *p) {
  reply_text(p, "err step");
  if (step_valid(p)) {
    reply_count(p, "received", p->step);
  } else {
    reply_word(p, "received", "none");
  }
  reply_count(p, "expected", p->done);
}

static void error_length(protocol *p, uint32_t expected) {
  reply_text(p, "err length");
  reply_count(p, "received", p->digits / 2);
  reply_count(p, "expected", expected);
}

static void answer(protocol *p) {
  static const char *const commands[] = {"info", "reset", "run"};
  enum { INFO, RESET, RUN, COMMANDS } command = INFO;
  while (command < COMMANDS && strcmp(p->word, commands[command]) != 0) ++command;
  const uint32_t expected = command == RUN ? hmd_model()->input_bytes : 0;

  if (p->checksum_digits != 4 || p->checksum != p->crc) {
    error_crc(p);
  } else if (command == COMMANDS) {
    reply_text(p, "err command expected=info,reset,run");
  } else if (p->bad_digit != p->digits || p->digits % 2) {
    reply_text(p, "err hex");
    reply_count(p, "position", p->bad_digit);
  } else if (p->digits / 2 != expected) {
    error_length(p, expected);
  } else if (command == INFO) {
    info(p);
  } else if (command == RESET) {
    reset(p);
  } else if (p->status) {
    error_model(p, p->status);
  } else if (step_valid(p) && p->step == p->done) {
    run(p);
  } else if (step_valid(p) && p->step + 1 == p->done && p->repeatable) {
    result(p);
  } else {
    error_step(p);
  }
  reply_end(p);
}

void protocol_receive(protocol *p, char c) {
  if (c == '\r') return;
  if (c == '\n') {
    const int empty = p->part == PROTOCOL_WORD && p->word_length == 0 && !p->space;
    if (!empty) answer(p);
    start_line(p);
  } else if (p->part == PROTOCOL_CHECKSUM) {
    take_checksum(p, c);
  } else if (p->space && c == '*') {
    p->part = PROTOCOL_CHECKSUM;
  } else {
    if (p->space) take_text(p, ' ');
    p->space = c == ' ';
    if (!p->space) take_text(p, c);
  }
}

void protocol_start(protocol *p) {
  start_line(p);
  p->reply = CRC16_START;
  make_ready(p);
  if (p->status) {
    error_model(p, p->status);
  } else {
    reply_text(p, "hmd ready");
    reply_count(p, "protocol", PROTOCOL_VERSION);
  }
  reply_end(p);
}

void protocol_log(protocol *p, const char *text) {
  for (; *text; ++text) {
    if (*text == '\n') {
      end_log(p);
    } else if (*text != '\r') {
      if (!p->logging) reply_text(p, "log ");
      p->logging = 1;
      const char one[] = {*text, 0};
      reply_text(p, one);
    }
  }
}

void protocol_fault(protocol *p, uint32_t pc, uint32_t status) {
  p->reply = CRC16_START; /* whatever reply was under way ends here */
  p->board.put('\n');
  reply_text(p, "fault");
  reply_name(p, "pc");
  reply_hex(p, pc, 8);
  reply_name(p, "cfsr");
  reply_hex(p, status, 8);
  reply_end(p);
}
