"""Orders as values: their steps, who is credited with them, and what trusted events say about them."""
