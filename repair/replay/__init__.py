"""OT replay: the texts of a file and of a project at any moment."""
