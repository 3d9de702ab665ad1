"""What may leave a confidential place: aggregates, each kept or withheld by rules, and two of them side by side."""
