"""Assets of training: mixture and checkpoint."""
