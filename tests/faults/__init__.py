"""Planted faults: each is refused, and the text says where, what was expected, found, and to do."""
