"""Dealer Limits: the Python side of the warehouse (pseudo data, estimation, data quality)."""
