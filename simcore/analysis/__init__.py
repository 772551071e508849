"""Numbers and tensors of a trained run: what it knows, how it acts, what it imagines. No pictures."""
