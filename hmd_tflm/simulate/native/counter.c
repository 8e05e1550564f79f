/* Counts what an emulated core executes: a hook for Unicorn, called once for every basic block.

   The costs of a block are asked for once, from Python, and kept in a hash table. Totals always
   stand at the beginning of the current block: its own costs are added when the next one begins,
   since only then is it known whether its last branch was taken.

   The emulation is only ever stopped here, before a block: Unicorn can stop inside of one, but then
   takes up its work at the block's beginning and executes instructions twice. */
#include <stdint.h>
#include <string.h>

#define TABLE_BITS 16
#define TABLE_SIZE (1u << TABLE_BITS)

typedef struct {
  uint32_t address; /* 0 = free: there is no code at address 0 */
  uint32_t size;    /* bytes */
  uint32_t instructions;
  uint32_t cycles; /* when left by falling through */
  uint32_t taken;  /* more cycles when left for any other place */
} block;

/* The fields up to `table` are mirrored in hmd_tflm/simulate/counter.py. */
typedef struct {
  uint64_t instructions;
  uint64_t cycles;
  uint64_t budget;             /* stop before the block at which it is spent: instructions */
  int (*stop)(void *uc);       /* uc_emu_stop */
  void (*price)(block *costs); /* fills in the costs of the block at address */
  uint32_t halt;               /* stop before the next block; cleared by it */
  block current;               /* all 0 = none: at the start and after a stop */
  uint32_t used;               /* of the table */
  block table[TABLE_SIZE];
} counter;

uint64_t counter_size(void) { return sizeof(counter); }

static const block *lookup(counter *c, uint32_t address, uint32_t size) {
  uint32_t slot = (address >> 1) * 2654435769u >> (32 - TABLE_BITS); /* 2^32 / golden ratio */
  while (c->table[slot].address != 0) {
    if (c->table[slot].address == address && c->table[slot].size == size) return &c->table[slot];
    slot = (slot + 1) % TABLE_SIZE;
  }
  if (++c->used > TABLE_SIZE / 2) { /* firmware with this many blocks: begin anew */
    memset(c->table, 0, sizeof c->table);
    c->used = 1;
  }
  block *entry = &c->table[slot];
  entry->address = address;
  entry->size = size;
  c->price(entry);
  return entry;
}

/* Adds the costs of the current block, which was left for `next`. */
static void settle(counter *c, uint32_t next) {
  c->instructions += c->current.instructions;
  c->cycles += c->current.cycles;
  if (c->current.address + c->current.size != next) c->cycles += c->current.taken;
}

/* A uc_cb_hookcode_t for UC_HOOK_BLOCK; user is the counter. */
void counter_block(void *uc, uint64_t address, uint32_t size, void *user) {
  counter *c = user;
  settle(c, (uint32_t)address);
  if (c->halt || c->instructions >= c->budget) {
    c->halt = 0;
    c->current = (block){0};
    c->stop(uc);
  } else {
    c->current = *lookup(c, (uint32_t)address, size);
  }
}
