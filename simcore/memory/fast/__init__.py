"""Unrolls with a backward pass written by hand; equal to the cells of `simcore.memory.cell`, and faster."""
