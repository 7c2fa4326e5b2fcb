"""A believable clinic: made through the same doors as a real one, so that everything in it has its history."""
