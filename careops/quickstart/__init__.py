"""Two commands on a fresh machine, `make run` and `make test`: an embedded PostgreSQL, nothing to install."""
