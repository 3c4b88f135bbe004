"""Signed posts to the brand's own systems, by the Standard Webhooks specification."""
