"""Webhooks that come in: verified on the raw bytes, stored, answered at once, understood later."""
