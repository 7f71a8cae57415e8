"""Published networks as plain PyTorch modules: one file each, without weights, for inference."""
