"""ANT beside SALO: both arrays and the vector unit on one DRAM."""
