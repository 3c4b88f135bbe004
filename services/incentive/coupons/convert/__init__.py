"""Messages about coupons, from and to what they mean."""
