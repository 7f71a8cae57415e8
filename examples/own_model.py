"""A transformer block of one's own in PyTorch: what of it runs on SALO, and how fast? Needs PyTorch.

python examples/own_model.py
"""

import torch
from torch import Tensor, nn

import tandemsim as ts
from tandemsim.workloads.attention import WindowAttention

TOKENS, WIDTH, HEADS = 1024, 512, 8


class Block(nn.Module):
    """Attention over the 128 keys around each query, and a feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.window = WindowAttention(bands=[(-64, 64, 1)])
        self.output = nn.Linear(WIDTH, WIDTH)
        self.feed_forward = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        heads = (batch, TOKENS, HEADS, WIDTH // HEADS)
        q, k, v = (
            part.reshape(heads).transpose(1, 2) for part in self.qkv(self.norms[0](x)).chunk(3, dim=-1)
        )
        attended = self.window(q, k, v).transpose(1, 2).reshape(batch, TOKENS, WIDTH)
        x = x + self.output(attended)
        return x + self.feed_forward(self.norms[1](x))


model = nn.Sequential(*(Block() for _ in range(4)))
trace = ts.trace(model, torch.zeros(1, TOKENS, WIDTH), name="four blocks")
print(f"{len(trace.ops)} ops, {trace.macs / 1e9:.2f} GMAC")

report = ts.run(trace).report
print(report)
for op in report.ops:
    print(f"  {op.name}: {op.cycles:,} cycles, utilization {op.utilization:.3f}")

left = {}
for op in report.not_run:
    if op.macs:
        left[op.kind] = left.get(op.kind, 0) + op.macs
print("left to the host:", ", ".join(f"{kind} {macs / 1e9:.2f} GMAC" for kind, macs in left.items()))
