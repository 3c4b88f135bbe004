"""Messages about campaigns, from and to what they mean."""
