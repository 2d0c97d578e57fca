"""Partition store: Parquet files behind a manifest, replaced as a whole or not at all."""
