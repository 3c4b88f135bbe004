"""Conditions as JSON trees: `all`, `any`, `not`, `const`, and the leaves of whoever uses them. Pure."""
