"""What is worth learning from, and may be.

`policy` says whose projects, `quality` which texts, `privacy` takes secrets and personal data out,
`near_duplicates` keeps one of many alike, `splits` puts each project on one side, `candidates` is the
stage that applies them, `mixture` what a model is trained on.
"""
