"""Models, and what turns them into trace files: PyTorch modules, ONNX files. Only here is torch imported."""
