"""Keys: what personal data is sealed with, and what stands for an address without showing it."""
