/* The part of TensorFlow Lite's C ABI that an external delegate touches.
   No wheel ships the header; the layouts below hold for tflite-runtime 2.14, LiteRT 2.3 and
   TensorFlow 2.21 (tests/runtime). Structures that are passed by value or read by the
   interpreter are padded with zeros, since later versions read further members. */
#ifndef HMD_TFL_ABI_H_
#define HMD_TFL_ABI_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int tfl_status;
enum { TFL_OK = 0, TFL_ERROR = 1 };
enum { TFL_INT16 = 7, TFL_INT8 = 9 };
enum { TFL_MMAP_RO = 1 };
enum { TFL_BUILTIN_CUSTOM = 32, TFL_BUILTIN_DELEGATE = 51 };
enum { TFL_ALLOW_DYNAMIC_TENSORS = 1 };

typedef struct {
  int size;
  int data[];
} tfl_ints;

struct tfl_context;
struct tfl_delegate;

typedef struct {
  int type;
  void *data;
  tfl_ints *dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  struct tfl_delegate *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct {
    int type;
    void *params;
  } quantization;
  void *sparsity;
  const tfl_ints *dims_signature;
} tfl_tensor;

typedef struct {
  tfl_ints *inputs, *outputs, *intermediates, *temporaries;
  void *user_data, *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  struct tfl_delegate *delegate;
  bool might_have_side_effect;
} tfl_node;

typedef struct {
  void *(*init)(struct tfl_context *, const char *, size_t);
  void (*free)(struct tfl_context *, void *);
  tfl_status (*prepare)(struct tfl_context *, tfl_node *);
  tfl_status (*invoke)(struct tfl_context *, tfl_node *);
  const char *(*profiling_string)(const struct tfl_context *, const tfl_node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *padding[11];
} tfl_registration;

typedef struct {
  struct tfl_delegate *delegate;
  tfl_ints *nodes_to_replace, *input_tensors, *output_tensors;
} tfl_delegate_params;

typedef struct tfl_context {
  size_t tensors_size;
  tfl_status (*get_execution_plan)(struct tfl_context *, tfl_ints **);
  tfl_tensor *tensors;
  void *impl;
  tfl_status (*resize_tensor)(struct tfl_context *, tfl_tensor *, tfl_ints *);
  void (*report_error)(struct tfl_context *, const char *, ...);
  tfl_status (*add_tensors)(struct tfl_context *, int, int *);
  tfl_status (*get_node_and_registration)(struct tfl_context *, int, tfl_node **,
                                          tfl_registration **);
  tfl_status (*replace_node_subsets_with_delegate_kernels)(struct tfl_context *,
                                                           tfl_registration, const tfl_ints *,
                                                           struct tfl_delegate *);
} tfl_context;

typedef struct tfl_delegate {
  void *data;
  tfl_status (*prepare)(tfl_context *, struct tfl_delegate *);
  void *buffer_functions[3];
  int64_t flags;
  void *padding[9];
} tfl_delegate;

#endif
