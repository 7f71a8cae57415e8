"""The machine of both arrays: products and windows overlap, head by head."""
