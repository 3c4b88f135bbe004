"""People of whom what is known is alike: a batch job that suggests whom to review, and merges nobody."""
