"""Changes of several rows in one transaction."""
