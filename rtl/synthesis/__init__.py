"""Synthesis: circuits mapped to standard cells and counted in gates."""
