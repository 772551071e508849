"""The live view: an agent's world, and what its belief holds of it, step by step, in a browser or a video."""
