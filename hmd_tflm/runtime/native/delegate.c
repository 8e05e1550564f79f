/* An external delegate that runs the HMD_LSTM op of a .tflite with the firmware's kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmd_lstm.h"
#include "tfl_abi.h"

#define EXPORT __attribute__((visibility("default")))

enum { X, WEIGHTS, TABLE, H, C, INPUTS };

/* One claimed node. */
typedef struct {
  int tensors[INPUTS], y;
  hmd_lstm_options options;
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
  if (node->inputs->size != INPUTS || node->outputs->size != 1) {
    context->report_error(context, "HMD_LSTM: received %d inputs, %d outputs, expected %d, 1",
                          node->inputs->size, node->outputs->size, INPUTS);
    free(self);
    return NULL;
  }
  for (int i = 0; i < INPUTS; i++) self->tensors[i] = node->inputs->data[i];
  self->y = node->outputs->data[0];
  self->status = hmd_lstm_decode(node->custom_initial_data,
                                 (size_t)node->custom_initial_data_size, &self->options);
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
static int expect(tfl_context *context, const tfl_tensor *tensor, const char *name, int type,
                  int dims, const int *shape) {
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
    context->report_error(context,
                          "HMD_LSTM, %s: received type %d shape%s, expected type %d shape%s", name,
                          tensor->type, received, type, expected);
  }
  return same;
}

static int expect_scale(tfl_context *context, const tfl_tensor *tensor, const char *name,
                        float scale, int zero_point) {
  const int same = tensor->params.scale == scale && tensor->params.zero_point == zero_point;
  if (!same) {
    context->report_error(context,
                          "HMD_LSTM, %s: received scale %g, zero point %d, expected %g, %d", name,
                          (double)tensor->params.scale, tensor->params.zero_point, (double)scale,
                          zero_point);
  }
  return same;
}

static tfl_status layer_prepare(tfl_context *context, tfl_node *node) {
  layer *self = node->user_data;
  if (self == NULL) return TFL_ERROR;
  const hmd_lstm_options *o = &self->options;
  hmd_lstm_sizes sizes;
  if (self->status == HMD_OK) self->status = hmd_lstm_plan(o, &sizes);
  if (self->status != HMD_OK) {
    context->report_error(context, "HMD_LSTM: %s", hmd_status_text(self->status));
    return TFL_ERROR;
  }
  const tfl_tensor *in[INPUTS], *y = &context->tensors[self->y];
  for (int i = 0; i < INPUTS; i++) {
    if (self->tensors[i] < 0 || (size_t)self->tensors[i] >= context->tensors_size) {
      context->report_error(context, "HMD_LSTM: input %d is missing", i);
      return TFL_ERROR;
    }
    in[i] = &context->tensors[self->tensors[i]];
  }
  const tfl_ints *x = in[X]->dims;
  const int batch = x != NULL && x->size == 3 ? x->data[0] : 1;
  const int steps = x != NULL && x->size == 3 ? x->data[1] : 1;
  const int sequences = (o->flags & HMD_LSTM_RETURN_SEQUENCES) != 0;
  const int x_shape[] = {batch, steps, o->inputs}, state_shape[] = {batch, o->units};
  const int weights_shape[] = {(int)sizes.weights_bytes}, table_shape[] = {(int)sizes.table_rows, 2};
  const int sequence_shape[] = {batch, steps, o->units};
  if (!expect(context, in[X], "x", TFL_INT8, 3, x_shape) ||
      !expect_scale(context, in[X], "x", o->x_scale, o->x_zero_point) ||
      !expect(context, in[WEIGHTS], "weights", TFL_INT8, 1, weights_shape) ||
      !expect(context, in[TABLE], "requantisation", TFL_INT16, 2, table_shape) ||
      !expect(context, in[H], "h", TFL_INT8, 2, state_shape) ||
      !expect(context, in[C], "c", TFL_INT16, 2, state_shape) ||
      !expect(context, y, "y", TFL_INT8, sequences ? 3 : 2,
              sequences ? sequence_shape : state_shape) ||
      !expect_scale(context, y, "y", 1.0f / 128.0f, 0)) {
    return TFL_ERROR;
  }
  if (in[WEIGHTS]->allocation_type != TFL_MMAP_RO || in[TABLE]->allocation_type != TFL_MMAP_RO ||
      !in[H]->is_variable || !in[C]->is_variable) {
    context->report_error(
        context, "HMD_LSTM: weights and requantisation must be constant, h and c variable");
    return TFL_ERROR;
  }
  self->status = hmd_lstm_check_weights(o, in[WEIGHTS]->data);
  if (self->status != HMD_OK) {
    context->report_error(context, "HMD_LSTM: %s", hmd_status_text(self->status));
    return TFL_ERROR;
  }
  free(self->scratch);
  self->scratch = malloc(sizes.scratch_bytes);
  return self->scratch != NULL ? TFL_OK : TFL_ERROR;
}

static tfl_status layer_invoke(tfl_context *context, tfl_node *node) {
  const layer *self = node->user_data;
  const tfl_tensor *x = &context->tensors[self->tensors[X]];
  hmd_lstm_tensors t;
  t.weights = context->tensors[self->tensors[WEIGHTS]].data;
  t.table = context->tensors[self->tensors[TABLE]].data;
  t.x = x->data;
  t.y = context->tensors[self->y].data;
  t.h = context->tensors[self->tensors[H]].data;
  t.c = context->tensors[self->tensors[C]].data;
  t.scratch = self->scratch;
  t.batch = x->dims->data[0];
  t.steps = x->dims->data[1];
  hmd_lstm_run(&self->options, &t);
  return TFL_OK;
}

/* Claim each HMD_LSTM node by itself: nodes claimed in one call are merged, and the tensor
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
  kernel.custom_name = "HMD_LSTM";
  kernel.version = 1;
  tfl_status status = TFL_OK;
  for (int i = 0; i < nodes->size && status == TFL_OK; i++) {
    tfl_node *node;
    tfl_registration *registration;
    status = context->get_node_and_registration(context, nodes->data[i], &node, &registration);
    if (status == TFL_OK && registration->builtin_code == TFL_BUILTIN_CUSTOM &&
        registration->custom_name != NULL && strcmp(registration->custom_name, "HMD_LSTM") == 0) {
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
    if (report_error != NULL) report_error("HMD_LSTM delegate: it takes no options");
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
