"""Value that is set aside for a purchase: placed, then captured, voided or expired, once."""
