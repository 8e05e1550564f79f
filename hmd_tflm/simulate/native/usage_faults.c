/* Usage faults of an Armv7-M core that Unicorn 2.1.4 does not raise: hooks for single instructions.

   A core loads and stores several words at aligned addresses only, and divides by zero only while
   CCR.DIV_0_TRP is clear (Armv7-M ARM, A3.2.1 and B3.2.8). */
#include <stddef.h>
#include <stdint.h>

#define ALIGNMENT 3u

/* Mirrored in hmd_tflm/simulate/usage_faults.py, as is watch. */
typedef struct {
  int (*read)(void *uc, int reg, void *value); /* uc_reg_read */
  int (*stop)(void *uc);                       /* uc_emu_stop */
  uint32_t trap_division;                      /* by zero */
  uint32_t raised;                             /* whether an instruction was stopped at */
  uint32_t value;                              /* of its register */
} faults;

typedef struct {
  faults *faults;
  int32_t reg; /* of Unicorn: what a load or store begins at, or a divisor */
} watch;

static uint32_t value(const watch *w, void *uc) {
  uint32_t value = 0;
  w->faults->read(uc, w->reg, &value);
  return value;
}

static void raise(faults *f, void *uc, uint32_t value) {
  f->raised = 1;
  f->value = value;
  f->stop(uc);
}

/* A uc_cb_hookcode_t for UC_HOOK_CODE, as is the next; user is a watch. */
void faults_words(void *uc, uint64_t address, uint32_t size, void *user) {
  const watch *w = user;
  const uint32_t base = value(w, uc);
  (void)address, (void)size;
  if (base & ALIGNMENT) raise(w->faults, uc, base);
}

void faults_division(void *uc, uint64_t address, uint32_t size, void *user) {
  const watch *w = user;
  (void)address, (void)size;
  if (w->faults->trap_division && value(w, uc) == 0) raise(w->faults, uc, 0);
}
