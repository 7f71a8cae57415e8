"""Circuits and helpers without a model of their own."""
