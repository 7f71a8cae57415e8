"""ONNX files as traces, by shapes alone: ``python -m workloads.onnx MODEL.onnx --out TRACE.json``.

Needs the package `onnx` and no torch. `read` opens a file, `import_model` walks its graph in order; what each
operator becomes stands in the modules that `table` is filled by.
"""
