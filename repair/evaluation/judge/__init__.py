"""Calibration of the LLM judge on labelled diffs."""
