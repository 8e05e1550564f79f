/* Where the tests' results go: this computer's standard output, or the board's UART. */
#ifndef UNITY_CONFIG_H
#define UNITY_CONFIG_H

void test_output_start(void);
void test_output_char(int character);
void test_output_flush(void);
void test_output_complete(void);

#define UNITY_OUTPUT_START() test_output_start()
#define UNITY_OUTPUT_CHAR(character) test_output_char(character)
#define UNITY_OUTPUT_FLUSH() test_output_flush()
#define UNITY_OUTPUT_COMPLETE() test_output_complete()
#define UNITY_EXCLUDE_FLOAT
#define UNITY_EXCLUDE_SETJMP_H

#endif
