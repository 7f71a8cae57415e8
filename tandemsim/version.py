"""The version, in a module of its own: what `tandemsim` offers imports modules that name it."""

__version__ = "0.1.0"
