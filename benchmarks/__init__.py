"""How fast mocoda is, as ratios to named peers that are timed in turn with it: `make bench`."""
