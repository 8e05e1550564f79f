/* The few macros of Unity (github.com/ThrowTheSwitch/Unity) that the tests here use, for builds without
   the PlatformIO registry: a failed assertion leaves the test function, as there. */
#ifndef UNITY_H
#define UNITY_H

#include "unity_config.h"

void setUp(void);
void tearDown(void);

void unity_begin(void);
int unity_end(void);
void unity_run(void (*test)(void), const char *name, const char *file, int line);
int unity_equal(long long expected, long long actual, int line, int element);

#define UNITY_BEGIN() unity_begin()
#define UNITY_END() unity_end()
#define RUN_TEST(test) unity_run(test, #test, __FILE__, __LINE__)

#define TEST_ASSERT_EQUAL_INT(expected, actual)                           \
  do {                                                                    \
    if (!unity_equal((expected), (actual), __LINE__, -1)) return;         \
  } while (0)
#define TEST_ASSERT_EQUAL_INT8_ARRAY(expected, actual, count)                              \
  do {                                                                                     \
    for (int unity_i = 0; unity_i < (int)(count); ++unity_i)                               \
      if (!unity_equal((expected)[unity_i], (actual)[unity_i], __LINE__, unity_i)) return; \
  } while (0)
#define TEST_ASSERT_EQUAL_INT16_ARRAY TEST_ASSERT_EQUAL_INT8_ARRAY

#endif
