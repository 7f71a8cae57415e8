"""Facts of the ANT array: widths, configuration, energy, presets."""
