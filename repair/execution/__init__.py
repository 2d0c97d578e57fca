"""Execution: a stage's work cut into tasks, and run in this process or on remote workers."""
