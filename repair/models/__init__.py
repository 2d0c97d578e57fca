"""Models: whatever answers a prompt, and its decoding."""
