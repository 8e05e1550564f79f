/* Counts what a core executes: a hook for Unicorn, called once for every basic block.

   What a block costs depends on the state in which the pipeline enters it, so costs are asked for,
   from Python, once for every (address, size, entry state), and kept. Nothing is ever dropped: the
   table grows, and its counts of executions add up to the totals.

   Totals always stand at the beginning of the current block: its own costs are added when the next
   one begins.

   The emulation is only ever stopped here, before a block: Unicorn can stop inside of one, but then
   takes up its work at the block's beginning and executes instructions twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define FIRST_BLOCKS 4096u /* a power of two */

/* Mirrored in hmd_tflm/simulate/counter.py, as are the fields of counter. */
typedef struct {
  uint32_t address;
  uint32_t size;         /* bytes */
  uint32_t entry;        /* 2 * exit state of the block before + 1 where a branch led here */
  uint32_t instructions; /* of one execution, as cycles and exit: filled in by price */
  uint32_t cycles;
  uint32_t exit; /* state in which the pipeline leaves it */
  uint64_t count;
} block;

typedef struct {
  uint64_t instructions;
  uint64_t cycles;
  uint64_t budget;             /* stop before the block at which it is spent: instructions */
  int (*stop)(void *uc);       /* uc_emu_stop */
  void (*price)(block *costs); /* fills in the costs of the block at address */
  uint32_t halt;               /* stop before the next block; cleared by it */
  uint32_t exhausted;          /* there was no memory for a block: the totals lack it */
  uint32_t entry;              /* of the block that comes next */
  uint32_t current;            /* index of the block being executed, or NONE */
  uint32_t used;               /* blocks */
  uint32_t capacity;           /* of blocks; a power of two; there are twice as many slots */
  block *blocks;
  uint32_t *slots; /* hash table of indices into blocks; NONE = free */
} counter;

/* Room for twice the blocks. Returns 0 where there is no memory for it. */
static int grow(counter *c) {
  uint32_t capacity = c->capacity ? 2 * c->capacity : FIRST_BLOCKS;
  block *blocks = realloc(c->blocks, capacity * sizeof *blocks);
  if (blocks == NULL) return 0;
  c->blocks = blocks;
  uint32_t *slots = malloc(2 * capacity * sizeof *slots);
  if (slots == NULL) return 0;
  free(c->slots);
  c->slots = slots;
  c->capacity = capacity;
  memset(slots, 0xFF, 2 * capacity * sizeof *slots);
  return 1;
}

static uint32_t *find(counter *c, uint32_t address, uint32_t size, uint32_t entry) {
  uint32_t mask = 2 * c->capacity - 1;
  uint32_t hash = ((address >> 1) + 31 * entry + (size << 20)) * 2654435769u; /* golden ratio */
  for (uint32_t slot = hash >> 8;; slot++) {
    uint32_t *index = &c->slots[slot & mask];
    if (*index == NONE) return index;
    const block *b = &c->blocks[*index];
    if (b->address == address && b->entry == entry && b->size == size) return index;
  }
}

/* The index of a block, NONE where there is no memory to hold it. */
static uint32_t lookup(counter *c, uint32_t address, uint32_t size) {
  uint32_t *index = find(c, address, size, c->entry);
  if (*index != NONE) return *index;
  if (c->used == c->capacity) {
    if (!grow(c)) return NONE;
    for (uint32_t i = 0; i < c->used; i++) {
      const block *b = &c->blocks[i];
      *find(c, b->address, b->size, b->entry) = i;
    }
    index = find(c, address, size, c->entry);
  }
  *index = c->used++;
  c->blocks[*index] = (block){.address = address, .size = size, .entry = c->entry};
  c->price(&c->blocks[*index]);
  return *index;
}

/* Adds the costs of the current block, which is left for `next`. */
static void leave(counter *c, uint32_t next) {
  if (c->current == NONE) return;
  block *b = &c->blocks[c->current];
  c->instructions += b->instructions;
  c->cycles += b->cycles;
  c->entry = 2 * b->exit + (b->address + b->size != next);
  b->count++;
  c->current = NONE;
}

/* The block at address begins. */
void counter_enter(counter *c, uint32_t address, uint32_t size) {
  leave(c, address);
  c->current = lookup(c, address, size);
  if (c->current == NONE) c->exhausted = 1;
}

/* The current block ends where none begins. */
void counter_leave(counter *c) { leave(c, 0); }

/* A uc_cb_hookcode_t for UC_HOOK_BLOCK; user is the counter. */
void counter_block(void *uc, uint64_t address, uint32_t size, void *user) {
  counter *c = user;
  leave(c, (uint32_t)address);
  if (c->halt || c->exhausted || c->instructions >= c->budget) {
    c->halt = 0;
    c->stop(uc);
  } else {
    counter_enter(c, (uint32_t)address, size);
  }
}

/* NULL where there is no memory. */
counter *counter_new(void) {
  counter *c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  if (!grow(c)) {
    free(c);
    return NULL;
  }
  c->current = NONE;
  c->budget = UINT64_MAX;
  return c;
}

void counter_free(counter *c) {
  free(c->blocks);
  free(c->slots);
  free(c);
}
