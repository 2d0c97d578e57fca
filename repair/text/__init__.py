"""Plain text: lines, positions, paths, edits, file sets and imports. Nothing of diagnostics."""
