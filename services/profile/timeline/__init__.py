"""What people did, over all channels, and how much of it there is."""
