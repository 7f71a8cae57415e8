"""The ANT machine: the twins of its circuits, and what has no twin."""
