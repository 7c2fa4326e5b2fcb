"""The engine: dispatch numbers events and starts runs, steps carries them out, drain keeps both going."""
