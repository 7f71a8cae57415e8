"""Post-training quantization: scales, number formats and bits of a model's tensors, chosen by error.

`core` decides on numpy arrays and needs no torch; the rest knows models. ``python -m workloads.quantize``
writes the table, the trace whose tensors state their quantization, and a picture.
"""
