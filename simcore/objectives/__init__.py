"""What the belief and what reads it are trained by: a file each."""
