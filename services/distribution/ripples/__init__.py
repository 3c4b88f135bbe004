"""Share links, visits and the chains they make."""
