"""What was published, and what we would build: SALO's two presets side by side, and each difference alone.

python examples/compare_presets.py
"""

import tandemsim as ts

both = ts.compare([ts.run("vil-tiny", preset=preset) for preset in ("salo", "salo-dac22")])
print(both)

# The published machine with one choice of the other preset at a time.
start = ts.run("vil-tiny", preset="salo-dac22")
runs, labels = [start], ["as published"]
for label, settings in {
    "divide once": {"array.normalisation": "deferred"},
    "skip masked chunks": {"scheduling.skip_masked": True},
    "two column segments": {"array.column_segments": 2},
}.items():
    runs.append(ts.run("vil-tiny", preset="salo-dac22", settings=settings))
    labels.append(label)

for row in ts.compare(runs, labels).rows():
    print(f"{row['label']:20} {row['cycles']:8,} cycles, {row['ratio_cycles']:.2f} of the published")
