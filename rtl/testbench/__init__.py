"""Testbenches in plain Verilog: random work of a unit with streams, and the words that its model says."""
