"""Exhibits: the paper's figures, each drawn from a mart."""
