"""Profile: facts about people."""
