"""Facts that the models (`sim`) and the circuits (`rtl`) share: configs, number formats, tables, presets.

Imports the standard library and numpy only.
"""
