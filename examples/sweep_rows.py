"""How fast is ViL's window attention on smaller arrays, and when does the memory bound it?

python examples/sweep_rows.py
"""

import tandemsim as ts

print(f"{'rows':>4} {'memory':10} {'cycles':>9} {'util.':>6} {'waits for DRAM':>14} {'energy':>9}")
for rows in (8, 16, 32, 64):
    for memory in ("ddr4-2400", "hbm2"):
        run = ts.run("vil-tiny", settings={"rows": rows, "memory": memory})
        row = run.report.summary()
        waits, energy = row["stall_dram"] / row["cycles"], row["energy_pj"] / 1e6
        figures = f"{row['cycles']:9,} {row['utilization']:6.3f} {waits:14.1%} {energy:6.1f} µJ"
        print(f"{rows:4} {memory:10} {figures}")
