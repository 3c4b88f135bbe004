"""Who is meant by a profile id: a merged profile is one subject everywhere."""
