"""Whom tagging judges: attributes, facts and redirects, as they were told by others."""
