"""The API of labs: what was ordered, and what came of it."""
