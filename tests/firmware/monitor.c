/* Runs functions in QEMU for qemu.py. Requests come on standard input, answers go to standard
   output, in little-endian words:
     'W', address, count, bytes      write memory
     'R', address, count             read memory: bytes
     'C', address, five arguments    call a function on a stack of its own: its result, a word
   It ends at the end of the input. An assertion that fails, or a fault, ends it with a message. */
#include <stdint.h>

extern uint32_t monitor_stack[], called_stack[]; /* their ends: monitor.ld */

enum { OPEN = 1, WRITE0 = 4, WRITE = 5, READ = 6, EXIT = 0x18, READ_BINARY = 1, WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026 };

/* Of Arm's semihosting: a file, or how many bytes were not read or written. */
static uintptr_t host(uintptr_t operation, const void *arguments) {
  register uintptr_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = arguments;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void end(const char *message) {
  host(WRITE0, message);
  host(EXIT, (const void *)APPLICATION_EXIT);
  for (;;) {
  }
}

static uintptr_t input, output;

static void read(void *to, uintptr_t count) {
  const uintptr_t left = count;
  uintptr_t done = 0;
  while (done < left) {
    const uintptr_t arguments[] = {input, (uintptr_t)to + done, left - done};
    const uintptr_t missing = host(READ, arguments);
    if (missing == left - done) end("");
    done = left - missing;
  }
}

static void write(const void *from, uintptr_t count) {
  const uintptr_t arguments[] = {output, (uintptr_t)from, count};
  host(WRITE, arguments);
}

uint32_t call(uint32_t function, const uint32_t arguments[5], const uint32_t *stack);
__asm__(
    ".syntax unified\n"
    ".section .text.call, \"ax\", %progbits\n"
    ".thumb_func\n"
    ".type call, %function\n"
    "call:\n"
    "push {r4, lr}\n"
    "mov r4, sp\n"
    "mov sp, r2\n"
    "mov r12, r0\n"
    "ldr r3, [r1, #16]\n"
    "push {r3, r4}\n"
    "ldr r0, [r1]\n"
    "ldr r2, [r1, #8]\n"
    "ldr r3, [r1, #12]\n"
    "ldr r1, [r1, #4]\n"
    "blx r12\n"
    "mov sp, r4\n"
    "pop {r4, pc}\n"
    ".text\n");

static void serve(void) {
  const uintptr_t in[] = {(uintptr_t) "/dev/stdin", READ_BINARY, 10};
  const uintptr_t out[] = {(uintptr_t) "/dev/stdout", WRITE_BINARY, 11};
  input = host(OPEN, in);
  output = host(OPEN, out);
  for (;;) {
    uint32_t kind, address, words[5];
    read(&kind, 4);
    read(&address, 4);
    read(words, kind == 'C' ? 20 : 4);
    if (kind == 'W') {
      read((void *)address, words[0]);
    } else if (kind == 'R') {
      write((const void *)address, words[0]);
    } else {
      const uint32_t result = call(address, words, called_stack);
      write(&result, 4);
    }
  }
}

static void start(void) {
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: floating point and MVE */
  *(volatile uint32_t *)0xE000ED14 |= UNALIGNED_TRAP << 3; /* CCR */
  __asm__ volatile("dsb\n isb");
  serve();
}

static void fault(void) { end("fault"); }

void __assert_func(const char *file, int line, const char *function, const char *condition);
void __assert_func(const char *file, int line, const char *function, const char *condition) {
  (void)file;
  (void)line;
  (void)function;
  end(condition);
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)monitor_stack, (uintptr_t)start, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,         (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault};
