"""The commands of `hmd-tflm`: each has EXAMPLE, add_arguments(parser) and run(arguments)."""
