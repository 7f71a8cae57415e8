"""The version of tandemsim, in a module that imports nothing, since every layer may name it."""

__version__ = "0.1.0"
