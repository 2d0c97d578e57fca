"""The domain of code repair: replay, reproduction, line diffs, verification, training, evaluation.

Nothing here imports Dagster, Spark or a cloud: everything can be used from a plain Python prompt.
"""
