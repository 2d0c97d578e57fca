"""Concurrency pools: steps that use the same scarce thing wait for a slot of its pool.

`dagster.yaml` gives every pool one slot; `dagster instance concurrency set language_servers 4` gives more
where there are more cores, and the UI (*Deployment*, *Concurrency*) shows who holds one.

Tested by `tests/resources/test_retries.py`.
"""

LANGUAGE_SERVERS = "language_servers"
"""Pyright and ruff: a step keeps two servers busy."""

LANGUAGE_MODEL = "language_model"
"""The quota of the configured language model; `history` and `rules` take its slot, too."""

GPU = "h100"
"""Training and decoding: a model fills the device."""
