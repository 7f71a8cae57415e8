"""Operators that do the same work for each element: arithmetic, comparisons, casts, pads, activations."""

from __future__ import annotations

import numpy as np

from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, listed, refused, rule
from tandemsim.workloads.onnx.values import Constant, Value

listed(
    "eltwise",
    "Add Sub Mul Div Neg Abs Exp Log Sqrt Reciprocal Pow Erf Floor Ceil Round Sign Mod Clip:clamp Where",
    "Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh IsNaN IsInf BitShift BitCast",
    "Equal:eq Less:lt LessOrEqual:le Greater:gt GreaterOrEqual:ge",
    "Not:logical_not And:logical_and Or:logical_or Xor:logical_xor",
    "BitwiseAnd:bitwise_and BitwiseOr:bitwise_or BitwiseXor:bitwise_xor BitwiseNot:bitwise_not",
    "Cast CastLike:cast Tile:repeat Pad Trilu ReverseSequence:flip Range EyeLike:eye ConstantOfShape:fill",
    "Resize Upsample:resize CenterCropPad:pad AffineGrid",
    "BlackmanWindow HannWindow HammingWindow MelWeightMatrix",
)
listed(
    "act",
    "Relu LeakyRelu:leaky_relu PRelu Elu Celu Selu ThresholdedRelu:threshold Sigmoid HardSigmoid HardSwish",
    "Softplus Softsign Tanh Gelu Mish Swish:silu Shrink:softshrink",
)
refused(
    "is random, and a trace is of what follows from its inputs",
    "RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli Multinomial",
)
refused(
    "reads or makes text, and a trace holds numbers",
    "StringNormalizer StringConcat StringSplit RegexFullMatch TfIdfVectorizer ImageDecoder",
)
refused(
    "handles sequences of tensors or optional ones, which a trace does not have",
    "SequenceConstruct SequenceEmpty SequenceInsert SequenceErase SequenceAt SequenceLength SequenceMap",
    "ConcatFromSequence SplitToSequence Optional OptionalGetElement OptionalHasElement",
)
refused(
    "trains a model, and a trace from ONNX is of inference",
    "Adam Adagrad Momentum Gradient SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss",
)
refused("is a decomposition without a rule for its products", "Det")


@rule("Sum", "Mean", "Max", "Min", folds=True)
def _of_several(node: Node, recorder: Recorder) -> list[Value]:
    """One operand alone is passed on."""
    if len(node.operands) == 1:
        return node.operands
    name = {"Sum": "add", "Mean": "mean", "Max": "maximum", "Min": "minimum"}[node.op]
    return [recorder.per_element("eltwise", name, node.operands, node.result())]


@rule("NonZero", "Unique", "Compress", "NonMaxSuppression", folds=True)
def _as_many_as_values_say(node: Node, recorder: Recorder) -> list[Value]:
    """Of constants it makes constants; else nobody knows how many elements it makes."""
    raise node.error("it makes as many elements as its values say, and a trace knows only shapes")


@rule("Concat", folds=True)
def _concat(node: Node, recorder: Recorder) -> list[Value]:
    """Parts without elements do not count: with a cache that is still empty, nothing is copied."""
    parts = [value for value in node.operands if value.elements]
    if len(parts) == 1:
        return parts
    return [recorder.per_element("eltwise", "concat", parts, node.result())]


@rule("Dropout", "Identity", folds=False)
def _passed_on(node: Node, recorder: Recorder) -> list[Value]:
    """In inference, dropout gives its input; the mask that it may give too is true everywhere."""
    value = node.input(0)
    everywhere = Constant(lambda: np.ones(value.shape, np.bool_))
    return [value, Value(value.shape, "bool", constant=everywhere)]


@rule("BiasGelu", "BiasSplitGelu", domain=MICROSOFT)
def _bias_gelu(node: Node, recorder: Recorder) -> list[Value]:
    """A sum, then GELU; the split form multiplies one half by the GELU of the other."""
    value = node.input(0)
    same = Result(value.shape, value.dtype)
    added = recorder.per_element("eltwise", "add", node.given(0, 1), same)
    if node.op == "BiasGelu":
        return [recorder.per_element("act", "gelu", [added], same)]
    half = Result((*value.shape[:-1], value.shape[-1] // 2), value.dtype)
    return [recorder.per_element("act", "geglu", [added], half)]


@rule("FastGelu", domain=MICROSOFT)
def _fast_gelu(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    same = Result(value.shape, value.dtype)
    if node.has(1):
        value = recorder.per_element("eltwise", "add", node.given(0, 1), same)
    return [recorder.per_element("act", "gelu", [value], same)]


@rule("Gelu", "QuickGelu", "ScaledTanh", domain=MICROSOFT)
def _gelu(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    name = "tanh" if node.op == "ScaledTanh" else "gelu"
    return [recorder.per_element("act", name, [value], Result(value.shape, value.dtype))]


@rule("BiasDropout", "BitmaskDropout", "BitmaskBiasDropout", "BiasAdd", "BiasSoftmax", domain=MICROSOFT)
def _bias(node: Node, recorder: Recorder) -> list[Value]:
    """Sums, before or without what else the name says; dropout does nothing in inference."""
    value = node.input(0)
    same = Result(value.shape, value.dtype)
    added = node.given(1, 2) if node.op in ("BiasDropout", "BitmaskBiasDropout", "BiasAdd") else node.given(1)
    if node.op != "BitmaskDropout":
        value = recorder.per_element("eltwise", "add", [value, *added], same)
    if node.op == "BiasSoftmax":
        axis = node.attr("axis", 1)
        length = 1
        for side in value.shape[axis:]:
            length *= side
        value = recorder.per_element("softmax", "softmax", [value], same, length)
    return [value]
