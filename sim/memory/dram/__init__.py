"""One DRAM channel: its queue, its commands and their timing."""
