"""Separate seeds for everything that draws: order, split, init, dropout, augmentation."""

from __future__ import annotations

import hashlib


def derive(seed: int, name: str) -> int:
    """Derive the seed of one generator, 63 bits, from a trial's seed and what the generator is for.

    The first 8 bytes of the SHA-256 of `SEED/NAME`: the same in every version, process and machine.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
