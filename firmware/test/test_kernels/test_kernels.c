/* The kernels against vectors of other implementations: on this computer, in QEMU, in Renode, on a board. */
#include <string.h>

#include "hmd_nn.h"
#include "unity.h"
#include "vectors.h"

enum { LARGEST_STATE = 2 * 32, LARGEST_OUTPUT = 512, LARGEST_SCRATCH = 1024 };

static int8_t y[LARGEST_OUTPUT], lstm_h[LARGEST_STATE];
static int16_t lstm_c[LARGEST_STATE], gru_h[LARGEST_STATE];
static uint32_t scratch[LARGEST_SCRATCH / 4];

static void run_lstm(const hmd_options *options, const layer_case *test, const int8_t *x) {
  hmd_lstm_run(options, &(hmd_lstm_tensors){test->weights, test->table, x, y, lstm_h, lstm_c, scratch, BATCH, STEPS});
}

static void run_gru(const hmd_options *options, const layer_case *test, const int8_t *x) {
  hmd_gru_run(options, &(hmd_gru_tensors){test->weights, test->table, x, y, gru_h, scratch, BATCH, STEPS});
}

static void check(const layer_case *test, uint8_t gates) {
  hmd_options options;
  hmd_sizes sizes;
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_decode(test->options, test->options_bytes, gates, &options));
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_plan(&options, &sizes));
  TEST_ASSERT_EQUAL_INT(HMD_OK, hmd_check_weights(&options, test->weights));
  TEST_ASSERT_EQUAL_INT(1, sizes.scratch_bytes <= LARGEST_SCRATCH && test->outputs <= LARGEST_OUTPUT);
  memset(lstm_h, 0, sizeof lstm_h);
  memset(lstm_c, 0, sizeof lstm_c);
  memset(gru_h, 0, sizeof gru_h);
  for (uint32_t run = 0; run < RUNS; ++run) {
    const int8_t *x = test->x + run * BATCH * STEPS * options.inputs;
    (gates == HMD_LSTM_GATES ? run_lstm : run_gru)(&options, test, x);
    TEST_ASSERT_EQUAL_INT8_ARRAY(test->y + run * test->outputs, y, test->outputs);
  }
}

static void test_lstm_dense(void) { check(&lstm_dense, HMD_LSTM_GATES); }
static void test_lstm_hmd(void) { check(&lstm_hmd, HMD_LSTM_GATES); }
static void test_lstm_four_blocks(void) { check(&lstm_four_blocks, HMD_LSTM_GATES); }
static void test_lstm_lmf_shared(void) { check(&lstm_lmf_shared, HMD_LSTM_GATES); }
static void test_lstm_stateful(void) { check(&lstm_stateful, HMD_LSTM_GATES); }
static void test_lstm_backwards(void) { check(&lstm_backwards, HMD_LSTM_GATES); }
static void test_gru_dense(void) { check(&gru_dense, HMD_GRU_GATES); }
static void test_gru_hmd(void) { check(&gru_hmd, HMD_GRU_GATES); }
static void test_gru_lmf_shared(void) { check(&gru_lmf_shared, HMD_GRU_GATES); }
static void test_gru_stateful(void) { check(&gru_stateful, HMD_GRU_GATES); }

static hmd_status decode(const uint8_t *bytes, size_t length, uint8_t gates) {
  hmd_options options;
  return hmd_decode(bytes, length, gates, &options);
}

static void test_other_options_are_refused(void) {
  const uint8_t *good = lstm_hmd_options;
  uint8_t damaged[sizeof lstm_hmd_options];
  TEST_ASSERT_EQUAL_INT(HMD_ERROR_LENGTH, decode(good, sizeof damaged - 1, HMD_LSTM_GATES));
  TEST_ASSERT_EQUAL_INT(HMD_ERROR_MAGIC, decode(good, sizeof damaged, HMD_GRU_GATES));
  memcpy(damaged, good, sizeof damaged);
  damaged[0] ^= 1;
  TEST_ASSERT_EQUAL_INT(HMD_ERROR_MAGIC, decode(damaged, sizeof damaged, HMD_LSTM_GATES));
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
  RUN_TEST(test_gru_dense);
  RUN_TEST(test_gru_hmd);
  RUN_TEST(test_gru_lmf_shared);
  RUN_TEST(test_gru_stateful);
  RUN_TEST(test_other_options_are_refused);
  RUN_TEST(test_fully_connected);
  RUN_TEST(test_softmax);
  RUN_TEST(test_add);
  RUN_TEST(test_mul);
  RUN_TEST(test_tanh);
  return UNITY_END();
}
