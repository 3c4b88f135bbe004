"""Distribution: the network that sells: partners, ripples, orders, commission."""
