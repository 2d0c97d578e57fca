"""Models: whatever answers a prompt by one interface; decoding of checkpoints, and tokenizers."""
