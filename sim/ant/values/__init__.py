"""A model in values: its products by the rules of the array, all else in float64; and float64 alone."""
