"""PyTorch models and the exporter that turns them into trace files; the only package that imports torch."""
