"""Calibration of the judge on diffs whose worth is known."""
