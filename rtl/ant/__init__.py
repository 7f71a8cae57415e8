"""The circuits of the ANT array; models: `sim.ant`."""
