"""Repeated worlds: the desk panel in memory, its estimates, and what they say about the method."""
