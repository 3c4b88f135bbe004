"""What is known about people, fact by fact, with its source and time."""
