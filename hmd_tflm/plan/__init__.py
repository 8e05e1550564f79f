"""Which shape each recurrent layer gets so that a model fits a board, at the least loss of accuracy."""
