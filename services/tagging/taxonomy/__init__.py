"""The taxonomy: groups of tags in three dimensions, and the tags in them."""
