"""VELTAIR: deep-learning services on one CPU (ASPLOS 2022, arXiv 2201.06212)."""
