"""Published cost models, re-implemented from what is known of them, to show where ours differ and why."""
