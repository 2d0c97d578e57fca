"""Curation: which projects and files may be used for training, redaction, and near-duplicate removal.

`policy` decides on projects, `quality` on files, `privacy` redacts secrets and personal data,
`near_duplicates` finds texts that are nearly the same, and `candidates` is the stage that applies them.
"""
