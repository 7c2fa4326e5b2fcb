"""The API of the engine: what happened, what answers it, and how that went."""
