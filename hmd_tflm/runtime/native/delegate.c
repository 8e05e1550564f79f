/* An external delegate that runs the HMD ops of a .tflite with the firmware's kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmd_gru.h"
#include "hmd_lstm.h"
#include "tfl_abi.h"

#define EXPORT __attribute__((visibility("default")))

enum { X, WEIGHTS, TABLE, STATES, MOST_STATES = 2, MOST_INPUTS = STATES + MOST_STATES };

/* Pointers to the tensors of one run. */
typedef struct {
  const void *x, *weights, *table;
  void *states[MOST_STATES], *y, *scratch;
  int batch, steps;
} tensors;

/* What two ops differ in. */
typedef struct {
  const char *name;
  uint8_t gates;
  int inputs; /* tensors, the states among them */
  struct {
    const char *name;
    int type;
    float scale;
    int shifted; /* cell_shift makes the scale larger */
  } states[MOST_STATES];
  void (*run)(const hmd_options *options, const tensors *t);
} op;

static void run_lstm(const hmd_options *options, const tensors *t) {
  const hmd_lstm_tensors lstm = {
      .weights = t->weights, .table = t->table, .x = t->x, .y = t->y,
      .h = t->states[0], .c = t->states[1], .scratch = t->scratch,
      .batch = t->batch, .steps = t->steps};
  hmd_lstm_run(options, &lstm);
}

static void run_gru(const hmd_options *options, const tensors *t) {
  const hmd_gru_tensors gru = {
      .weights = t->weights, .table = t->table, .x = t->x, .y = t->y,
      .h = t->states[0], .scratch = t->scratch, .batch = t->batch, .steps = t->steps};
  hmd_gru_run(options, &gru);
}

static const op ops[] = {
    {"HMD_LSTM", HMD_LSTM_GATES, STATES + 2,
     {{"h", TFL_INT8, 1.0f / 128.0f, 0}, {"c", TFL_INT16, 1.0f / 4096.0f, 1}}, run_lstm},
    {"HMD_GRU", HMD_GRU_GATES, STATES + 1, {{"h", TFL_INT16, 1.0f / 32768.0f, 0}}, run_gru},
};

/* The HMD op of a node, or NULL. */
static const op *find(const tfl_registration *registration) {
  if (registration->builtin_code != TFL_BUILTIN_CUSTOM || registration->custom_name == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    if (strcmp(registration->custom_name, ops[i].name) == 0) return &ops[i];
  }
  return NULL;
}

/* One claimed node. */
typedef struct {
  const op *op;
  int inputs[MOST_INPUTS], y;
  hmd_options options;
  hmd_status status;
  void *scratch;
} layer;

static void *layer_init(tfl_context *context, const char *buffer, size_t length) {
  (void)length; /* always 0: the buffer is a struct */
  const tfl_delegate_params *params = (const tfl_delegate_params *)(const void *)buffer;
  tfl_node *node;
  tfl_registration *registration;
  if (context->get_node_and_registration(context, params->nodes_to_replace->data[0], &node,
                                         &registration) != TFL_OK) {
    return NULL;
  }
  layer *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->op = find(registration);
  if (node->inputs->size != self->op->inputs || node->outputs->size != 1) {
    context->report_error(context, "%s: received %d inputs, %d outputs, expected %d, 1",
                          self->op->name, node->inputs->size, node->outputs->size,
                          self->op->inputs);
    free(self);
    return NULL;
  }
  for (int i = 0; i < self->op->inputs; i++) self->inputs[i] = node->inputs->data[i];
  self->y = node->outputs->data[0];
  self->status =
      hmd_decode(node->custom_initial_data, (size_t)node->custom_initial_data_size,
                 self->op->gates, &self->options);
  return self;
}

static void layer_free(tfl_context *context, void *data) {
  (void)context;
  layer *self = data;
  if (self == NULL) return;
  free(self->scratch);
  free(self);
}

/* Compare one tensor with what the options imply; report it by name if it differs. */
static int expect(tfl_context *context, const op *op, const tfl_tensor *tensor, const char *name,
                  int type, int dims, const int *shape) {
  int same = tensor->type == type && tensor->dims != NULL && tensor->dims->size == dims;
  for (int i = 0; same && i < dims; i++) same = tensor->dims->data[i] == shape[i];
  if (!same) {
    char received[96] = "", expected[96] = "";
    size_t at = 0;
    for (int i = 0; tensor->dims != NULL && i < tensor->dims->size && at < sizeof received; i++) {
      at += (size_t)snprintf(received + at, sizeof received - at, " %d", tensor->dims->data[i]);
    }
    at = 0;
    for (int i = 0; i < dims; i++) {
      at += (size_t)snprintf(expected + at, sizeof expected - at, " %d", shape[i]);
    }
    context->report_error(context, "%s, %s: received type %d shape%s, expected type %d shape%s",
                          op->name, name, tensor->type, received, type, expected);
  }
  return same;
}

static int expect_scale(tfl_context *context, const op *op, const tfl_tensor *tensor,
                        const char *name, float scale, int zero_point) {
  const int same = tensor->params.scale == scale && tensor->params.zero_point == zero_point;
  if (!same) {
    context->report_error(context, "%s, %s: received scale %g, zero point %d, expected %g, %d",
                          op->name, name, (double)tensor->params.scale, tensor->params.zero_point,
                          (double)scale, zero_point);
  }
  return same;
}

/* One line about what the kernels' checks found. */
static int good(tfl_context *context, const op *op, hmd_status status) {
  if (status != HMD_OK) context->report_error(context, "%s: %s", op->name, hmd_status_text(status));
  return status == HMD_OK;
}

static tfl_status layer_prepare(tfl_context *context, tfl_node *node) {
  layer *self = node->user_data;
  if (self == NULL) return TFL_ERROR;
  const op *op = self->op;
  const hmd_options *o = &self->options;
  hmd_sizes sizes;
  if (!good(context, op, self->status) || !good(context, op, hmd_plan(o, &sizes))) {
    return TFL_ERROR;
  }
  const tfl_tensor *in[MOST_INPUTS];
  if (self->y < 0 || (size_t)self->y >= context->tensors_size) {
    context->report_error(context, "%s: the output is missing", op->name);
    return TFL_ERROR;
  }
  const tfl_tensor *y = &context->tensors[self->y];
  for (int i = 0; i < op->inputs; i++) {
    if (self->inputs[i] < 0 || (size_t)self->inputs[i] >= context->tensors_size) {
      context->report_error(context, "%s: input %d is missing", op->name, i);
      return TFL_ERROR;
    }
    in[i] = &context->tensors[self->inputs[i]];
  }
  const tfl_ints *x = in[X]->dims;
  const int batch = x != NULL && x->size == 3 ? x->data[0] : 1;
  const int steps = x != NULL && x->size == 3 ? x->data[1] : 1;
  if (batch < 1 || steps < 1) {
    context->report_error(context, "%s, x: received %d sequences of %d steps, expected 1 or more",
                          op->name, batch, steps);
    return TFL_ERROR;
  }
  const int sequences = (o->flags & HMD_RETURN_SEQUENCES) != 0;
  const int x_shape[] = {batch, steps, o->inputs}, state_shape[] = {batch, o->units};
  const int weights_shape[] = {(int)sizes.weights_bytes}, table_shape[] = {(int)sizes.table_rows, 2};
  const int sequence_shape[] = {batch, steps, o->units};
  if (!expect(context, op, in[X], "x", TFL_INT8, 3, x_shape) ||
      !expect_scale(context, op, in[X], "x", o->x_scale, o->x_zero_point) ||
      !expect(context, op, in[WEIGHTS], "weights", TFL_INT8, 1, weights_shape) ||
      !expect(context, op, in[TABLE], "requantisation", TFL_INT16, 2, table_shape) ||
      !expect(context, op, y, "y", TFL_INT8, sequences ? 3 : 2,
              sequences ? sequence_shape : state_shape) ||
      !expect_scale(context, op, y, "y", 1.0f / 128.0f, 0)) {
    return TFL_ERROR;
  }
  if (in[WEIGHTS]->allocation_type != TFL_MMAP_RO || in[TABLE]->allocation_type != TFL_MMAP_RO) {
    context->report_error(context, "%s: weights and requantisation must be constant", op->name);
    return TFL_ERROR;
  }
  for (int i = 0; STATES + i < op->inputs; i++) {
    const tfl_tensor *state = in[STATES + i];
    const float scale = op->states[i].scale * (float)(op->states[i].shifted ? 1 << o->cell_shift : 1);
    if (!expect(context, op, state, op->states[i].name, op->states[i].type, 2, state_shape) ||
        !expect_scale(context, op, state, op->states[i].name, scale, 0)) {
      return TFL_ERROR;
    }
    if (!state->is_variable) {
      context->report_error(context, "%s, %s: must be a variable tensor", op->name,
                            op->states[i].name);
      return TFL_ERROR;
    }
  }
  if (!good(context, op, hmd_check_weights(o, in[WEIGHTS]->data))) return TFL_ERROR;
  free(self->scratch);
  self->scratch = malloc(sizes.scratch_bytes);
  return self->scratch != NULL ? TFL_OK : TFL_ERROR;
}

static tfl_status layer_invoke(tfl_context *context, tfl_node *node) {
  const layer *self = node->user_data;
  const tfl_tensor *all = context->tensors, *x = &all[self->inputs[X]];
  tensors t = {
      .x = x->data, .weights = all[self->inputs[WEIGHTS]].data,
      .table = all[self->inputs[TABLE]].data, .y = all[self->y].data, .scratch = self->scratch,
      .batch = x->dims->data[0], .steps = x->dims->data[1]};
  for (int i = 0; STATES + i < self->op->inputs; i++) {
    t.states[i] = all[self->inputs[STATES + i]].data;
  }
  self->op->run(&self->options, &t);
  return TFL_OK;
}

/* Claim each HMD node by itself: nodes claimed in one call are merged, and the tensor
   between two of them would never be allocated. */
static tfl_status delegate_prepare(tfl_context *context, tfl_delegate *delegate) {
  tfl_ints *plan;
  if (context->get_execution_plan(context, &plan) != TFL_OK) return TFL_ERROR;
  const size_t bytes = sizeof *plan + (size_t)plan->size * sizeof(int);
  tfl_ints *nodes = malloc(bytes); /* a copy: each replacement changes the plan */
  if (nodes == NULL) return TFL_ERROR;
  memcpy(nodes, plan, bytes);
  tfl_registration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = layer_init;
  kernel.free = layer_free;
  kernel.prepare = layer_prepare;
  kernel.invoke = layer_invoke;
  kernel.builtin_code = TFL_BUILTIN_DELEGATE;
  kernel.custom_name = "HMD";
  kernel.version = 1;
  tfl_status status = TFL_OK;
  for (int i = 0; i < nodes->size && status == TFL_OK; i++) {
    tfl_node *node;
    tfl_registration *registration;
    status = context->get_node_and_registration(context, nodes->data[i], &node, &registration);
    if (status == TFL_OK && find(registration) != NULL) {
      struct {
        int size;
        int data[1];
      } one = {1, {nodes->data[i]}};
      status = context->replace_node_subsets_with_delegate_kernels(
          context, kernel, (const tfl_ints *)(const void *)&one, delegate);
    }
  }
  free(nodes);
  return status;
}

EXPORT tfl_delegate *tflite_plugin_create_delegate(const char *const *keys,
                                                   const char *const *values, size_t count,
                                                   void (*report_error)(const char *)) {
  (void)keys;
  (void)values;
  if (count != 0) {
    if (report_error != NULL) report_error("HMD delegate: it takes no options");
    return NULL;
  }
  tfl_delegate *delegate = calloc(1, sizeof *delegate);
  if (delegate == NULL) return NULL;
  delegate->prepare = delegate_prepare;
  /* Else the interpreter prepares the unresolved op before it asks the delegate. */
  delegate->flags = TFL_ALLOW_DYNAMIC_TENSORS;
  return delegate;
}

EXPORT void tflite_plugin_destroy_delegate(tfl_delegate *delegate) { free(delegate); }
