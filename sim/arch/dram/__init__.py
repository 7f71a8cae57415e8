"""DRAM: its configuration, the JEDEC standards, timing, address maps and energy per command."""
