"""Learning: what a trajectory is, and one step from it to better weights."""
