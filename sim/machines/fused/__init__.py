"""The machine of both arrays, on the contract."""
