"""Goals that members reach by what they do."""
