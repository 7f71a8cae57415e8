"""The trace: what a model computes, as one JSON document (schema ``tandem-trace/1``); and the stored ones.

`traces.schema` holds the types, `traces.kinds` what each kind of op must state, `traces.pattern` the sparse
patterns of window attention, `traces.codec` reading and writing, `traces.scalesim` the conversion from and to
SCALE-Sim. ``python -m traces`` prints a summary. Of this project the package imports only how mistakes are
worded (`sim.arch.checks`) and how files are written and signals end a command (`sim.shell`).
"""
