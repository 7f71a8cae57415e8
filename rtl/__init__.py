"""The circuits: Amaranth generators, each the twin of a model at the same path under sim/."""
