"""Training: recipes, tokenised data set, sequence packing, the training program, checkpoint export."""
