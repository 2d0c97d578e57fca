"""Resources, which a deployment swaps: store, engine, language servers and models, trainer, alerts."""
