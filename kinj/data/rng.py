"""Random numbers that depend on a key and nothing else: not on workers, order, platform or hash seed."""

from __future__ import annotations

import hashlib
import random


def stable_seed(*key: object) -> int:
    """A 64-bit seed from a key of strings and whole numbers."""
    text = "\x1f".join([f"{type(part).__name__}:{part}" for part in key])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def stable_rng(*key: object) -> random.Random:
    """A generator seeded by `stable_seed(*key)`."""
    return random.Random(stable_seed(*key))
