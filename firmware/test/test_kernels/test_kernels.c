/* The kernels against vectors of other implementations: on this computer, in QEMU, in Renode, on a board. */
#include <string.h>

#include "hmd_nn.h"
#include "unity.h"
#include "vectors.h"

enum { LARGEST_STATE = 2 * 32, LARGEST_OUTPUT = 512, LARGEST_SCRATCH = 1024 };

static int8_t h[LARGEST_STATE], y[LARGEST_OUTPUT];
static int16_t c[LARGEST_STATE];
static uint32_t scratch[LARGEST_SCRATCH / 4];

static void check_lstm(const lstm_case *test) {
  hmd_lstm_options options;
  hmd_lstm_sizes sizes;
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_lstm_decode(test->options, test->options_bytes, &options));
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_lstm_plan(&options, &sizes));
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_lstm_check_weights(&options, test->weights));
  TEST_ASSERT_EQUAL_INT(1, sizes.scratch_bytes <= LARGEST_SCRATCH && test->outputs <= LARGEST_OUTPUT);
  memset(h, 0, sizeof h);
  memset(c, 0, sizeof c);
  for (uint32_t run = 0; run < RUNS; ++run) {
    const int8_t *x = test->x + run * BATCH * STEPS * options.inputs;
    hmd_lstm_run(&options, &(hmd_lstm_tensors){test->weights, test->table, x, y, h, c, scratch, BATCH, STEPS});
    TEST_ASSERT_EQUAL_INT8_ARRAY(test->y + run * test->outputs, y, test->outputs);
  }
}

static void test_lstm_dense(void) { check_lstm(&dense); }
static void test_lstm_hmd(void) { check_lstm(&hmd); }
static void test_lstm_four_blocks(void) { check_lstm(&four_blocks); }
static void test_lstm_lmf_shared(void) { check_lstm(&lmf_shared); }
static void test_lstm_stateful(void) { check_lstm(&stateful); }
static void test_lstm_backwards(void) { check_lstm(&backwards); }

static void test_damaged_options_are_refused(void) {
  hmd_lstm_options options;
  uint8_t damaged[sizeof hmd_options];
  TEST_ASSERT_EQUAL_INT(HMD_ERROR_LENGTH, hmd_lstm_decode(hmd_options, sizeof hmd_options - 1, &options));
  memcpy(damaged, hmd_options, sizeof damaged);
  damaged[0] ^= 1;
  TEST_ASSERT_EQUAL_INT(HMD_ERROR_MAGIC, hmd_lstm_decode(damaged, sizeof damaged, &options));
}

static void test_fully_connected(void) {
  const hmd_fully_connected layer = {fully_connected_weights, fully_connected_bias, fully_connected_multipliers,
                                     24, 10, 0, fully_connected_output};
  hmd_fully_connected_s8(&layer, 3, a, y);
  TEST_ASSERT_EQUAL_INT8_ARRAY(fully_connected_expected, y, sizeof fully_connected_expected);
}

static void test_softmax(void) {
  hmd_softmax_s8(&softmax, 3, 24, a, y);
  TEST_ASSERT_EQUAL_INT8_ARRAY(softmax_expected, y, sizeof softmax_expected);
}

static void test_add(void) {
  hmd_add_s8(&add, sizeof a, a, b, y);
  TEST_ASSERT_EQUAL_INT8_ARRAY(add_expected, y, sizeof add_expected);
}

static void test_mul(void) {
  hmd_mul_s8(&mul, sizeof a, a, b, y);
  TEST_ASSERT_EQUAL_INT8_ARRAY(mul_expected, y, sizeof mul_expected);
}

static void test_tanh(void) {
  hmd_lookup_s8(tanh_table, sizeof a, a, y);
  TEST_ASSERT_EQUAL_INT8_ARRAY(tanh_expected, y, sizeof tanh_expected);
}

int main(void) {
  UNITY_BEGIN();
  RUN_TEST(test_lstm_dense);
  RUN_TEST(test_lstm_hmd);
  RUN_TEST(test_lstm_four_blocks);
  RUN_TEST(test_lstm_lmf_shared);
  RUN_TEST(test_lstm_stateful);
  RUN_TEST(test_lstm_backwards);
  RUN_TEST(test_damaged_options_are_refused);
  RUN_TEST(test_fully_connected);
  RUN_TEST(test_softmax);
  RUN_TEST(test_add);
  RUN_TEST(test_mul);
  RUN_TEST(test_tanh);
  return UNITY_END();
}
