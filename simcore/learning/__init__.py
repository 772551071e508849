"""Learning: one update of all weights from a trajectory."""
