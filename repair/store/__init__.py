"""Partition store: Parquet files named by a manifest, replaced as a whole or not at all."""
