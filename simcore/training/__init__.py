"""A training run: actors and learner, and the loop that joins them."""
