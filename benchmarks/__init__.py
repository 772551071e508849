"""Benchmarks whose figures the README quotes; run each with `python -m benchmarks.NAME`."""
