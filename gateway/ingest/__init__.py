"""Events on the Segment wire: `spec people` §2, as the official SDKs speak it."""
