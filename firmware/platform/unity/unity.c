/* Runs tests and prints their results in Unity's format, which PlatformIO reads. */
#include "unity.h"

static const char *file, *name;
static int failed, tests, failures;

static void text(const char *characters) {
  while (*characters) UNITY_OUTPUT_CHAR(*characters++);
}

static void number(long long value) {
  char digits[21];
  int count = 0;
  unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) UNITY_OUTPUT_CHAR('-');
  while (count) UNITY_OUTPUT_CHAR(digits[--count]);
}

static void result(int line, const char *status) {
  text(file);
  text(":");
  number(line);
  text(":");
  text(name);
  text(":");
  text(status);
}

void unity_begin(void) {
  UNITY_OUTPUT_START();
  tests = failures = 0;
}

void unity_run(void (*test)(void), const char *test_name, const char *test_file, int line) {
  name = test_name;
  file = test_file;
  failed = 0;
  setUp();
  test();
  tearDown();
  ++tests;
  failures += failed;
  if (!failed) {
    result(line, "PASS");
    text("\n");
  }
}

int unity_equal(long long expected, long long actual, int line, int element) {
  if (expected == actual) return 1;
  failed = 1;
  result(line, "FAIL: ");
  if (element >= 0) {
    text("Element ");
    number(element);
    text(" ");
  }
  text("Expected ");
  number(expected);
  text(" Was ");
  number(actual);
  text("\n");
  return 0;
}

int unity_end(void) {
  number(tests);
  text(" Tests ");
  number(failures);
  text(" Failures 0 Ignored\n");
  text(failures ? "FAIL\n" : "OK\n");
  UNITY_OUTPUT_FLUSH();
  UNITY_OUTPUT_COMPLETE();
  return failures;
}
