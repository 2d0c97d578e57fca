"""Error states: episodes, sampling, the replay to each sampled diagnostic, and its reproduction."""
