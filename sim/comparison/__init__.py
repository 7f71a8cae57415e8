"""Runs side by side: where they may be measured against each other, which is best, and what differs."""
