"""The data that passes between acting and learning: trajectories, targets, states and times."""
