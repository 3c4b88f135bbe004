"""What people may ask for: to know, to take along, to be forgotten, to be left alone. And who looked at them."""
