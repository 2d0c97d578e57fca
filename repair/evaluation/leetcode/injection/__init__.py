"""Bug injection into recent LeetCode problems: mutators and a language model, and the funnel to samples.

The mutators are the benchmark's own. They share no code with the simulated typist
(`repair.sources.simulated`), whose mistakes models of this project learn from: a model is not tested on the
generator of its own training data.
"""
