"""Finding people by a part of a name or number, over a blind index: keyed hashes of the parts."""
