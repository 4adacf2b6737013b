"""`--engine ray` for real, on this machine: `make ray`. Plain `make test` does not collect it."""
