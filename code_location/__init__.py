"""What assembles: the definitions, the demo, and the entry points of child processes."""
