"""Every statement on coupons, by what they are about. A batch costs one statement per table, whatever its size."""
