"""From a mixture of examples to a checkpoint: recipes, tokens, packing, the training program."""
