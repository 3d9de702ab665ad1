"""Data quality: Great Expectations suites over staging and marts; results show rules and counts only."""
