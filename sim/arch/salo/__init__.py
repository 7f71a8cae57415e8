"""The SALO array: configuration, presets, number formats, ports, gates and energy."""
