"""Evaluation: metrics, benchmarks, scoring of checkpoints, comparison of teachers, accuracy of the judge."""
