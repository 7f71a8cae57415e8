"""A layer in time: transfers, scratchpads, and the event loop."""
