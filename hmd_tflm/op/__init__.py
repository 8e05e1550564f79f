"""The ops HMD_LSTM and HMD_GRU: options, packed tensors, integer arithmetic (docs/op.md)."""
