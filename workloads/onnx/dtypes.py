"""The types of ONNX tensors in the words of a trace."""

from __future__ import annotations

from onnx import TensorProto

#: The trace's name of each ONNX type that a tensor of a trace can have.
NAMES: dict[int, str] = {
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.FLOAT8E4M3FN: "float8_e4m3fn",
    TensorProto.FLOAT8E5M2: "float8_e5m2",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.INT16: "int16",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT4: "int4",
    TensorProto.UINT4: "uint4",
    TensorProto.BOOL: "bool",
    TensorProto.COMPLEX64: "complex64",
    TensorProto.COMPLEX128: "complex128",
}

CODES = {name: code for code, name in NAMES.items()}
WHOLE = {"int64", "int32"}  # what indices are made of
COMPLEX = {"complex64", "complex128"}


def onnx_name(code: int) -> str:
    """Return what ONNX calls a type."""
    known: str = TensorProto.DataType.Name(code) if code in TensorProto.DataType.values() else str(code)
    return known
