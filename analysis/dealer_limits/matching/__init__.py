"""Weights for the match of SOMA awards to TRACE, and what follows from drawing the match from them."""
