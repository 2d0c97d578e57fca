"""A released benchmark: a folder of Parquet, a card and a manifest, and the scoring of anybody's answers.

```
FOLDER/samples.parquet   rows of `RELEASE_SAMPLES`
FOLDER/README.md         the card: licences, size, how it was made, how to score, limits
FOLDER/manifest.json     the version, the counts, and the SHA-256 of every other file
```
"""
