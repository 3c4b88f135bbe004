"""Where platforms call back: what they tell becomes events of ours."""
