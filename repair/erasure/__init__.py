"""Erasure of projects: out of recordings, stored rows, texts and cached answers."""
