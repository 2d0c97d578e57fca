"""Benchmarks, predictions, scores and the scorecard."""
