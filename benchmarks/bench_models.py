"""How long models take to become traces, and traces to be read: ``python -m benchmarks.bench_models``.

Each row is a process of its own, which says how long the work took in its own CPU seconds and how much
memory it needed beyond its imports. Rows of PyTorch and ONNX need the extras `models` and `onnx`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

LLAMA_2_7B = {
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "architectures": ["LlamaModel"],
}

#: Imports, then work that is timed; it leaves what it has to say in `result`.
TRACED = f"""
from tandemsim.workloads.export import export
from tandemsim.workloads.inputs import parse_arguments
from tandemsim.workloads.targets import resolve
import transformers.models.llama.modeling_llama
# ---
ids = parse_arguments(["input_ids=1x2048:int64:32000"])
trace = export(resolve("transformers:llama", ids, '{json.dumps(LLAMA_2_7B)}'))
result = f"{{len(trace.ops)}} ops, {{trace.macs / 1e12:.3f}} TMAC"
"""
READ = """
from tandemsim.traces.codec import find, load
load(find("vil-tiny"))
# ---
trace = load(find({name!r}))
result = f"{{len(trace.ops)}} ops"
"""
MAPPED = """
from pathlib import Path
import onnx
from tandemsim.workloads.onnx.model import import_file
# ---
trace = import_file(Path(onnx.__file__).parent / "backend/test/data/light/light_{name}.onnx")
result = f"{{len(trace.ops)}} ops, {{trace.macs / 1e9:.3f}} GMAC"
"""
MEASURED = """
import resource, time
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def cpu(): return time.process_time()
"""
LIGHT = (
    *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50"),
    *("shufflenet", "squeezenet", "vgg19", "zfnet512"),
)


def row(name: str, code: str, target: str) -> None:
    """Run a piece of work in a process and print a line."""
    imports, work = code.split("# ---")
    program = f"{MEASURED}{imports}\nbefore, start = peak(), cpu()\n{work}\n"
    program += "print(round(cpu() - start, 3), round(peak() - before), result, sep='|')"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if answer.returncode:
        print(f"{name:36} {answer.stderr.strip().splitlines()[-1][:90]}")
        return
    seconds, mebibytes, result = answer.stdout.strip().split("|")
    print(f"{name:36}{float(seconds):8.2f}{mebibytes:>8}   {target:18}{result}")


def main() -> None:
    """Measure every row."""
    from tandemsim.traces.codec import names

    print(f"{'':36}{'CPU s':>8}{'MiB':>8}   target")
    if find_spec("transformers"):
        row("trace Llama 2 7B, 2,048 tokens", TRACED, "2 s, 500 MiB")
    if find_spec("onnx"):
        for name in LIGHT:
            row(f"ONNX {name}", MAPPED.format(name=name), "0.5 s")
    for name in names():
        row(f"read {name}", READ.format(name=name), "0.3 s")


if __name__ == "__main__":
    main()
