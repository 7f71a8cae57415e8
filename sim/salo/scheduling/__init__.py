"""From a pattern to tiles: what each PE computes, pass by pass."""
