"""The circuits of the SALO array; models in sim/salo."""
