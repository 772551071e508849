"""Seeds: one number for a run, and unrelated ones of it for every purpose."""

import hashlib


def stream(seed: int, purpose: str) -> int:
    """Return a seed for one purpose of a run, so that no two purposes, and no two runs, draw the same."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")
