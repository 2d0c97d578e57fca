"""Annotation of benchmark samples and verified rows by people: samples, decisions, agreement, the page."""
