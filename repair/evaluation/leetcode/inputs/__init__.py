"""More inputs of a problem: its constraints and invariants, and mutations of its examples."""
