"""Side-by-side speed measurements: `make bench`."""
