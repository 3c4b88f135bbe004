"""Keys to the API and write keys of event sources."""
