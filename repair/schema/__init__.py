"""Arrow schemas of every table, and the outcome of a row: kept, or rejected with a reason."""
