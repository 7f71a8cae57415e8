"""Every word of a report and what it means, by the part of the report in which it stands.

Data alone; `sim.report.glossary` looks words up and sets them. A word is a key of the JSON, or what a picture
or the text calls something. The same key may mean several things (``output`` is a stall, a scratchpad and a
tensor), so each part has its own words. `docs/report.md` holds the same sentences.
"""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """What a word means: in a sentence, and in a few words where the text report shows those."""

    meaning: str
    brief: str = ""


RUN = {
    "schema": Word("The contract that this report obeys; within one, reports only grow."),
    "workload": Word("The name of the trace that ran: what a model does, op by op."),
    "machine": Word("The simulated machine."),
    "preset": Word("The configuration from which the run set out."),
    "settings": Word("What the user has changed of the preset, as --set takes it."),
    "config": Word("Every field of the machine's configuration; `tandem list fields` has units and choices."),
    "config_digest": Word("SHA-256 of the configuration: equal for runs on equal machines."),
    "trace_digest": Word("SHA-256 of the trace: equal for runs of equal work."),
    "version": Word("The version of tandemsim."),
    "clock_hz": Word("Cycles per second of the array; the DRAM has its own clock."),
    "cycles": Word(
        "Clock cycles from the first event to the last; each is computing or a stall of one cause."
    ),
    "seconds": Word("cycles / clock_hz: the time of what ran, not of the whole model."),
    "macs": Word(
        "Useful multiply-accumulates: one for each query, key and element of the pattern, twice (QK, PV)."
    ),
    "utilization": Word(
        "Useful multiply-accumulates over cycles x multipliers, all stalls included; at most 1."
    ),
    "compute_cycles": Word(
        "Cycles in which the array works, if only some of its multipliers do something useful."
    ),
    "stall_cycles": Word("Cycles in which the array waits, by cause."),
    "multipliers": Word("Multipliers of the machine, each of which does at most one MAC a cycle."),
    "multiplier_cycles": Word(
        "cycles x multipliers, split by what became of them; sums to all of them exactly."
    ),
    "dram": Word("The memory outside the chip: bytes over its pins, and how requests met its row buffers."),
    "dram_tensors": Word("What the DMA asked the DRAM for, by tensor."),
    "dram_peak_bytes_per_cycle": Word("Bytes that the DRAM's pins can carry in a cycle of the array."),
    "scratchpad": Word(
        "Memories on the chip that hold operands and outputs; filled by software, so they are not caches."
    ),
    "energy_pj": Word(
        "Energy of the run in picojoules by where it was spent: counted actions times energy of each."
    ),
    "energy_actions_pj": Word("energy_pj, split further by action."),
    "power_w": Word("Energy over time, of the whole machine with its DRAM, in watts."),
    "area_mm2": Word("Area of the array without its scratchpads, in mm²; null where it is not known."),
    "area_estimate_mm2": Word(
        "Area by our count of gates, also where area_mm2 is a published figure: configurations are compared"
        " by it. Null where it is not known."
    ),
    "macs_not_run": Word("Multiply-accumulates of the model's ops that this machine does not run."),
    "macs_share": Word(
        "The part of the model's multiply-accumulates that ran; every figure is about that part."
    ),
    "notes": Word("What to know before quoting the figures."),
    "explanation": Word(
        "With --explain: what bounds each op, and what would help most, found by running it."
    ),
    "batch": Word("Inputs that the model takes at once; each brings its own heads."),
    "bits": Word("Operand widths, as --bits takes them."),
    "seed": Word("Where random tensors start from."),
    "functional": Word("Values that went through the machine's number formats, compared with float64."),
    "ops": Word("What ran: each op of the trace that this machine can do."),
    "not_run": Word("Ops of the model that this machine does not do; they are in no other figure."),
}

STALLS = {
    "compute": Word("The array works; of a CPU, its cores.", "array at work"),
    "cold_fill": Word(
        "Waiting for the first tile's operands: nothing has been loaded yet.", "first operands"
    ),
    "dram": Word(
        "Waiting for operands of a later tile: the DRAM has not delivered them in time.", "operands late"
    ),
    "output": Word(
        "Waiting for a staging buffer, because earlier outputs are not yet in DRAM.", "outputs in the way"
    ),
    "scratchpad": Word(
        "What one bank should deliver in time, keys, values or pixels, takes it longer.", "bank conflicts"
    ),
    "vector": Word("Waiting for results of the vector unit, such as a softmax.", "vector unit late"),
    "attention": Word("Waiting for results of the attention array beside it.", "attention array late"),
    "write_back": Word("The array is done, and its last outputs are on their way to DRAM.", "last outputs"),
    "l3": Word("Cores of a CPU wait for data in the L3 of another island.", "other islands' L3"),
    "team": Word("The threads of a CPU's parallel region are woken, and wait for the last.", "fork and join"),
    "fill": Word(
        "Between two tiles: weights enter the array, or results are on their way out of it.", "between tiles"
    ),
    "drain": Word("The last results leave the array.", "last results"),
}

MULTIPLIERS = {
    "useful": Word("A multiply-accumulate that the model asks for.", "the model's MACs"),
    "masked": Word(
        "A query and a key that do not meet: outside the sequence, image or band.", "outside the pattern"
    ),
    "idle_columns": Word(
        "Columns that stand for no offset of the band in this tile.", "columns without a key"
    ),
    "idle_rows": Word("Local rows in tiles in which only the global rows work.", "only global rows work"),
    "last_block": Word(
        "Rows without a query, because the block is shorter than the array.", "block not full"
    ),
    "idle_global": Word("PEs of the global rows and columns without a pair.", "global row, column"),
    "exponential_sum": Word(
        "Cycles between QK and PV: exponentials and the sum of each row.", "between QK and PV"
    ),
    "flush": Word("Cycles between two tiles, in which the array is emptied.", "between tiles"),
    "drain": Word("Cycles from the last product of column 0 to the last result.", "last results"),
}

ENERGY = {
    "array": Word("Switching energy of the array: arithmetic, registers with their clock, control."),
    "scratchpad": Word("Reads and writes of the memories on the chip, each at the capacity of its memory."),
    "dram": Word("The DRAM devices and their interface: transfers, activations, standby, refresh."),
    "static": Word(
        "Leakage of array and scratchpads over the time of the run; it flows even when nothing happens."
    ),
}

ACTIONS = {
    "array.multiply": Word("Multiplications of the PEs."),
    "array.add": Word("Additions of the PEs, with the shifts that align their operands."),
    "array.accumulate": Word("Additions into the accumulators at the foot of the array."),
    "array.decode": Word("Decoders at the edges of the array, which turn codes into integers and shifts."),
    "array.encode": Word("Encoders, which turn results of the array into codes."),
    "array.compute": Word("Cores of a CPU at work: their share of the package's design power."),
    "array.wait": Word("Cores of a CPU that wait for others or for data: they spin, at the same power."),
    "array.tap": Word("Taps of block formats, which end the sum of a block and multiply it by its scales."),
    "array.vector": Word("The vector unit: a multiplication and an addition for each element and pass."),
    "array.exponential": Word("The exponential of each score."),
    "array.row_sum": Word("Sums of the weights along each row, with the shifts that align them."),
    "array.normalise": Word("Reciprocals of row sums, and multiplications of weights or outputs by them."),
    "array.merge": Word("Joining the results of a row's tiles."),
    "array.controller": Word("The controller, in every cycle."),
    "array.register_clock": Word("The clock of every register bit, in every cycle, stalled or not."),
    "array.register_write": Word("Register bits that are written."),
    "dram.background": Word("Standby current of the DRAM, over the time of the run."),
    "dram.activate": Word("Opening rows of DRAM banks, and closing them."),
    "dram.read": Word("Bytes read over the DRAM's pins, the interface included."),
    "dram.write": Word("Bytes written over the DRAM's pins, the interface included."),
    "dram.refresh": Word("Refreshing the DRAM's cells."),
    "scratchpad.query": Word("Reads and writes of the query scratchpad."),
    "scratchpad.key": Word("Reads and writes of the key scratchpad."),
    "scratchpad.value": Word("Reads and writes of the value scratchpad."),
    "scratchpad.global": Word("Reads and writes of the scratchpad of the global tokens."),
    "scratchpad.activation": Word("Reads and writes of the activation scratchpad."),
    "scratchpad.weight": Word("Reads and writes of the weight scratchpad."),
    "scratchpad.accumulator": Word("Reads and writes of the accumulators at the foot of the array."),
    "scratchpad.vector": Word("Reads and writes of the vector unit's scratchpad."),
    "scratchpad.residual": Word("Reads and writes of the scratchpad of residuals and biases."),
    "scratchpad.attention_output": Word("Reads and writes of the attention array's output scratchpad."),
    "scratchpad.output": Word("Reads and writes of the output scratchpad."),
    "static.array": Word("Leakage of the array."),
    "static.shared": Word("What the cores of a CPU share: fabric, L3, memory controllers."),
    "static.scratchpad": Word("Leakage of the scratchpads."),
}

DRAM = {
    "read_bytes": Word(
        "Bytes of all read bursts: a burst is the least that a DRAM moves, whatever is needed of it."
    ),
    "write_bytes": Word("Bytes of all write bursts."),
    "useful_read_bytes": Word(
        "Bytes that were asked for, of those read; re-reads of the same byte count each time."
    ),
    "row_hits": Word("Requests that found their row open in the bank: the fastest case."),
    "row_misses": Word("Requests that found the bank closed, so that the row had to be opened."),
    "row_conflicts": Word(
        "Requests that found another row open, which had to be closed first: the slowest case."
    ),
    "forwarded_bytes": Word(
        "Bytes read that were still in the write queue, so that they never crossed the pins."
    ),
    "merged_bytes": Word("Bytes written into a burst that was already in the write queue."),
    "activates": Word("Rows that were opened."),
    "refreshes": Word("Refresh commands; a rank does nothing else meanwhile."),
}

TENSORS = {
    "query": Word("Queries of the local tokens."),
    "key": Word("Keys that stream past the queries."),
    "value": Word("Values that stream past the weights."),
    "global_query": Word("Queries of the global tokens."),
    "global_key": Word("Keys of the global tokens, or keys projected for them."),
    "global_value": Word("Values of the global tokens, or values projected for them."),
    "output": Word("Results of the attention."),
    "partial": Word("Unfinished results that wait in DRAM between two sweeps: spilled, and read again."),
    "read_bytes": Word("Bytes of the tensor that were asked for, each time again."),
    "write_bytes": Word("Bytes of the tensor that were written."),
    "size_bytes": Word("Bytes that the tensor has; of a run, in all ops together."),
    "times_read": Word("read_bytes / size_bytes: 1 is the least for what is needed, more are re-reads."),
}

SCRATCHPADS = {
    "query": Word("Holds the queries of the present block and the next."),
    "key": Word("Holds the keys of the window, in granules of as many keys as the array has rows."),
    "value": Word("Holds the values of the window, as the key scratchpad does the keys."),
    "global": Word("Holds what belongs to global tokens."),
    "activation": Word("Holds what streams past the weights: tiles of activations."),
    "weight": Word("Holds tiles of weights, or of the keys and values of an attention."),
    "accumulator": Word("Holds sums at the foot of the array until their last products are there."),
    "vector": Word("Holds operands and results of the vector unit."),
    "residual": Word("Holds residuals, biases and parameters of norms, read beside the array's results."),
    "attention_output": Word("Holds finished outputs of the attention array until they are in DRAM."),
    "output": Word("Holds finished outputs until they are in DRAM: the staging buffers."),
    "read_bytes": Word("Bytes read by the array or the DMA."),
    "write_bytes": Word("Bytes written by the array or the DMA."),
    "capacity_bytes": Word("Bytes that it holds."),
}

OPS = {
    "name": Word("The op's name in the trace; a range such as layer.0-11 stands for ops that are alike."),
    "kind": Word("What the op does, in the words of the trace."),
    "count": Word("Ops that are alike, shown as one."),
    "cycles": Word("compute_cycles plus every stall of this op; ops may overlap."),
    "compute_cycles": Word("Cycles in which the array works on it."),
    "stall_cycles": Word("Cycles in which the array waits for it, by cause."),
    "stalled": Word("Stalls as a share of the op's cycles."),
    "macs": Word("Useful multiply-accumulates of the op."),
    "utilization": Word("Useful multiply-accumulates over cycles x multipliers, of this op."),
    "tiles": Word(
        "Passes of the array: one block of queries meets one chunk of keys; fully masked ones are skipped."
    ),
    "start_cycle": Word("Cycle in which its first transfer or tile begins."),
    "multipliers": Word("Multipliers of the machine, for this op's number format."),
    "multiplier_cycles": Word("This op's cycles x multipliers, by what became of them."),
    "dram_tensors": Word("What the DMA asked the DRAM for on its behalf, by tensor."),
    "dram_read_bytes": Word("Bytes of the bursts read for it."),
    "dram_write_bytes": Word("Bytes of the bursts written for it."),
    "pattern": Word(
        "Which keys each query meets: offsets of the window, and the global tokens, which meet all."
    ),
    "bands": Word("The window as [low, high, dilation] of each band: offsets of the key from the query."),
    "grid": Word("Height and width of the image that the tokens are, where the window is 2-D."),
    "window": Word("The 2-D window as [low, high] of rows and of columns, from the query."),
    "global_tokens": Word("How many tokens attend to all, and are attended by all."),
    "heads": Word("Attention heads, those of all inputs of the batch together."),
    "head_dim": Word("Elements of a query, key or value of one head."),
    "seq_len": Word("Tokens of the input."),
    "kv_heads": Word(
        "Heads of keys and values, each shared by as many heads; left out where each has its own."
    ),
    "v_dim": Word("Elements of a value and of an output; left out where they are those of a query."),
    "q_len": Word("Queries of the input; left out where each token is one."),
    "q_offset": Word("Token at which the first query stands; left out where it is the first token."),
    "causal": Word(
        "Whether no query meets a key after it, global tokens included; left out where not stated."
    ),
    "sink_tokens": Word("How many tokens all queries meet, while their own queries are ordinary."),
    "tiles_per_head": Word("Tiles of one head; all heads are alike."),
    "global_projections": Word(
        "Where keys and values for global queries come from: shared with the local ones or not."
    ),
    "rides_on": Word("The op on whose results it rides: it takes no cycles of its own."),
    "vector_cycles": Word("Cycles in which the vector unit works on it."),
    "version": Word("The code version of a CPU's layer: rows x columns of a chunk, and the outer loop."),
    "versions": Word("Code versions that the layer has; the fastest on these cores ran."),
    "l3_bytes": Word("Bytes that cross between L3 and the cores' own caches."),
    "other_island_bytes": Word("Bytes that come from the L3 of other islands."),
    "values": Word("What --functional found of it: formats of its operands, and how far it is from float64."),
    "reason": Word("Why the op does not run here."),
}

FUNCTIONAL = {
    "op": Word("The op whose values were computed."),
    "tensors": Word("Where its tensors come from: a file, or random numbers."),
    "heads": Word("Heads that were computed."),
    "seq_len": Word("Tokens of the input."),
    "head_dim": Word("Elements of a query, key or value of one head."),
    "inputs_checked": Word("Inputs of the batch whose values were run."),
    "inputs": Word("Inputs of the batch, those included that were not checked."),
    "mean_abs_error": Word("Mean distance between the machine's outputs and those of float64."),
    "max_abs_error": Word("Largest distance between the machine's outputs and those of float64."),
    "mean_abs_reference": Word("Mean size of the outputs of float64, to compare the errors with."),
    "elements": Word("Outputs that were compared."),
    "not_compared": Word("Outputs that no product of the array reaches; both runs have the same numbers."),
    "equal": Word("Of these, those that are exactly those of float64."),
    "sqnr_db": Word("Power of float64's outputs over that of the distance, in decibels; null without one."),
    "formats": Word("The number format of each operand."),
    "saturations": Word("How often a value was cut to the largest that its format holds, by format."),
    "query": Word("Queries, after scaling, as the array takes them."),
    "key": Word("Keys as the array takes them."),
    "value": Word("Values as the array takes them."),
    "score": Word("Products of query and key."),
    "exponent": Word("Exponents of two of the exponentials."),
    "weight": Word("Weights of the values: the exponentials' mantissas, or probabilities."),
    "row_sum": Word("Sums of the weights of a row, in one tile."),
    "psum": Word("Partial sums of weighted values."),
    "sum": Word("Sums of products, in the accumulators at the foot of the array."),
    "merge_exponent": Word("Exponents of the row sums of merged tiles."),
    "merge": Word("Merged weighted sums."),
    "output": Word("Outputs as they are stored."),
}

EXPLANATION = {
    "op": Word("The op that is explained."),
    "bound": Word("What keeps it from being faster."),
    "settings": Word("Settings that were tried and helped most."),
    "set": Word("The setting, as --set takes it."),
    "cycles": Word("Cycles of the op with that setting."),
    "gain": Word("Share of the op's cycles that the setting saves."),
}

OTHERS = {
    "MAC": Word("A multiplication and the addition of its product to a sum."),
    "QK": Word("First phase of a tile: queries times keys, which gives scores."),
    "PV": Word("Second phase of a tile: weights times values, which gives outputs."),
    "pass": Word("One tile's way through the array; the same as a tile."),
    "block": Word("Queries that are in the array at once, at most one for each row."),
    "granule": Word("As many keys or values as the array has rows; scratchpads are filled by it."),
    "spilled": Word("A block whose results do not stay in the array: they wait in DRAM between two sweeps."),
    "staging buffer": Word("Room for the outputs of one block until they are in DRAM."),
    "burst": Word("The least that a DRAM moves at once, 64 bytes of DDR4."),
    "row buffer": Word("The open row of a DRAM bank, from which alone bytes are read or written."),
    "roofline": Word(
        "MACs per cycle that bandwidth and multipliers allow, by MACs per byte of DRAM traffic."
    ),
    "intensity": Word("Useful multiply-accumulates for each byte that crosses the DRAM's pins."),
    "global token": Word("A token that meets every other, such as Longformer's first."),
}

# Title of each part, in the order of the report.
PARTS: dict[str, dict[str, Word]] = {
    "run": RUN,
    "where the cycles went": STALLS,
    "where the multipliers' cycles went": MULTIPLIERS,
    "energy": ENERGY,
    "energy by action": ACTIONS,
    "DRAM": DRAM,
    "DRAM by tensor": TENSORS,
    "scratchpads": SCRATCHPADS,
    "ops": OPS,
    "functional": FUNCTIONAL,
    "explanation": EXPLANATION,
    "other words": OTHERS,
}
