"""Who asks: API keys, shoppers' tokens, write keys of sources."""
