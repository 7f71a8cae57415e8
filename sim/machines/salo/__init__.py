"""SALO's results as a report."""
