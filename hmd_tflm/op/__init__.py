"""The HMD_LSTM op: options, packed tensors, integer arithmetic (docs/op.md)."""
