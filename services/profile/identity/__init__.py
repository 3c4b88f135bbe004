"""Who is who: identifiers, people, merges."""
