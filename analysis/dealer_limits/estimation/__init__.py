"""Estimation: every printed column of the paper is a row of a registry, and one function estimates a row."""
