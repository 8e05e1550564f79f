/* Which function was called from where, and what was spent in it: a second hook for Unicorn.

   It follows calls (BL, BLX) and returns of Thumb code and charges the counter's totals to a tree:
   the children of the root are sections of the run (ops), below them functions by entry address. A
   branch to the beginning of another function is a tail call: it takes its caller's place. */
#include <stdint.h>
#include <stdlib.h>

#define MAX_NODES 65536u
#define MAX_DEPTH 256u
#define NO_SECTION UINT32_MAX

/* Mirrored in hmd_tflm/simulate/calls.py, as are the fields of calls up to `nodes`. */
typedef struct {
  uint32_t parent;   /* index; the root's is 0 */
  uint32_t function; /* entry address; below the root the number of a section */
  uint64_t instructions, cycles, waits;
} node;

typedef struct {
  uint32_t node;
  uint32_t return_address;
} frame;

typedef struct {
  const uint64_t *instructions, *cycles; /* the counter's totals */
  const uint64_t *waits;                 /* the flash's */
  const uint32_t *current;               /* the counter's; UINT32_MAX = the block is not entered */
  const uint8_t *code;                   /* from code_base on */
  const uint32_t *functions;             /* entry addresses, ascending */
  uint32_t code_base, code_size, function_count;
  uint32_t used; /* nodes */
  node *nodes;
  uint32_t depth, end; /* end of the block before this one */
  uint64_t seen_instructions, seen_cycles, seen_waits;
  frame frames[MAX_DEPTH]; /* frames[0] is the section */
} calls;

calls *calls_new(void) {
  calls *c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->nodes = calloc(MAX_NODES, sizeof *c->nodes);
  if (c->nodes == NULL) {
    free(c);
    return NULL;
  }
  c->used = 2; /* the root and a first section */
  c->nodes[1].function = NO_SECTION;
  c->frames[0].node = 1;
  return c;
}

void calls_free(calls *c) {
  free(c->nodes);
  free(c);
}

/* The child of a node; the node itself where the tree is full. */
static uint32_t child(calls *c, uint32_t parent, uint32_t function) {
  for (uint32_t i = parent + 1; i < c->used; i++) {
    if (c->nodes[i].parent == parent && c->nodes[i].function == function) return i;
  }
  if (c->used == MAX_NODES) return parent;
  c->nodes[c->used].parent = parent;
  c->nodes[c->used].function = function;
  return c->used++;
}

/* Charge what was spent since the last time to the innermost function. */
static void charge(calls *c) {
  node *n = &c->nodes[c->frames[c->depth].node];
  n->instructions += *c->instructions - c->seen_instructions;
  n->cycles += *c->cycles - c->seen_cycles;
  n->waits += *c->waits - c->seen_waits;
  c->seen_instructions = *c->instructions;
  c->seen_cycles = *c->cycles;
  c->seen_waits = *c->waits;
}

static uint32_t halfword(const calls *c, uint32_t address) {
  const uint32_t at = address - c->code_base;
  if (at >= c->code_size - 1) return 0;
  return (uint32_t)(c->code[at] | c->code[at + 1] << 8);
}

/* Whether the code before `end` is BL (32 bits) or BLX (16 bits). */
static int is_call(const calls *c, uint32_t end) {
  const uint32_t last = halfword(c, end - 2), before = halfword(c, end - 4);
  return (last & 0xFF87u) == 0x4780u || ((last & 0xD000u) == 0xD000u && before >> 11 == 0x1Eu);
}

static int is_function(const calls *c, uint32_t address) {
  uint32_t low = 0, high = c->function_count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (c->functions[middle] < address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < c->function_count && c->functions[low] == address;
}

static void branch(calls *c, uint32_t address, uint32_t from) {
  if (is_call(c, from)) {
    charge(c);
    if (c->depth + 1 < MAX_DEPTH) {
      const uint32_t parent = c->frames[c->depth].node;
      c->depth++;
      c->frames[c->depth].node = child(c, parent, address);
      c->frames[c->depth].return_address = from;
    }
    return;
  }
  for (uint32_t depth = c->depth; depth > 0; depth--) {
    if (c->frames[depth].return_address == address) {
      charge(c);
      c->depth = depth - 1;
      return;
    }
  }
  frame *top = &c->frames[c->depth];
  if (c->depth > 0 && c->nodes[top->node].function != address && is_function(c, address)) {
    charge(c);
    top->node = child(c, c->nodes[top->node].parent, address);
  }
}

/* A uc_cb_hookcode_t for UC_HOOK_BLOCK, to be called after counter_block. */
void calls_block(void *uc, uint64_t address, uint32_t size, void *user) {
  calls *c = user;
  (void)uc;
  if (*c->current == UINT32_MAX) return;
  if (c->end != address && c->end != 0) branch(c, (uint32_t)address, c->end);
  c->end = (uint32_t)address + size;
}

/* Charge from here on, once the pointers are set. */
void calls_begin(calls *c) {
  c->seen_instructions = *c->instructions;
  c->seen_cycles = *c->cycles;
  c->seen_waits = *c->waits;
}

/* From the current block on, a section of the run: the same functions below another child. */
void calls_section(calls *c, uint32_t section) {
  charge(c);
  uint32_t parent = child(c, 0, section);
  c->frames[0].node = parent;
  for (uint32_t depth = 1; depth <= c->depth; depth++) {
    parent = child(c, parent, c->nodes[c->frames[depth].node].function);
    c->frames[depth].node = parent;
  }
}
