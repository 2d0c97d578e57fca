"""Models: decoding of checkpoints, and tokenizers."""
