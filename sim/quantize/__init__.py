"""Scales, number formats and bits of tensors, chosen by their mean squared error: numpy alone.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286), section 4, as its artifact's quantizer has it; where a rule is
ours, its module says so.
"""
