"""Judgements about people: what tags they have, and which segments they are in."""
