"""Cash red packets: reserved, sent under one number for ever, and claimed or returned once."""
