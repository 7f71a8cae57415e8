"""What does an attention pattern of one's own cost, beside published ones of about as many pairs?

python examples/own_pattern.py
"""

import tandemsim as ts

TOKENS = 2048

patterns = {
    "sliding, 129 keys": ts.Pattern.sliding(TOKENS, 129),
    "dilated by 4": ts.Pattern.dilated(TOKENS, 129, 4),
    "with a global token": ts.Pattern.longformer(TOKENS, 128, global_tokens=(0,)),
    # Near keys one by one, far ones in steps: three bands that share no offset.
    "near and far": ts.Pattern(
        seq_len=TOKENS,
        bands=(ts.Band(-32, 32, 1), ts.Band(-288, -40, 8), ts.Band(40, 288, 8)),
    ),
}

print(f"{'pattern':20} {'pairs':>9} {'cycles':>9} {'utilization':>11} {'DRAM':>9}")
for name, pattern in patterns.items():
    report = ts.run(pattern, heads=8, head_dim=64, name=name).report
    row = report.summary()
    mib = row["dram_bytes"] / 2**20
    print(f"{name:20} {pattern.pairs():9,} {report.cycles:9,} {report.utilization:11.3f} {mib:5.1f} MiB")
