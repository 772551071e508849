"""Helpers that know nothing of worlds, nets or runs: errors, trees of tensors, seeds, devices, files."""
