"""What the CPU adds to a run: its outcome, timeline and small trace."""
