"""How many rows of a queue a process takes at once."""

from __future__ import annotations


class Pace:
    """As many as lately fitted the batch's time. More would only be claimed and given back, and be worked on alone if the
    worker died."""

    def __init__(self, most: int) -> None:
        self.most = self.limit = most

    def learn(self, claimed: int, left: int) -> None:
        self.limit = max(2, claimed - left) if left else min(2 * self.limit, self.most)
