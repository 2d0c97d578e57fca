"""Reports: the pages, plots and tables that a person looks at."""
