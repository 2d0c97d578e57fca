"""Loops over columns, compiled when first called (a quarter of a minute) and kept for the next process.

Every module here imports numba, which takes half a second: import them inside functions.
"""

from repair.extras import extra

with extra("pipeline"):
    import numba

__all__ = ["numba"]
