"""What people reach together in a time: group buying and helping."""
