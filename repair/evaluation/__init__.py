"""How good a model's repairs are: metrics, decoding, a sandbox for programs, the benchmarks."""
