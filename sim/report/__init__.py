"""The result of a run: its contract, and its forms as text, page, plots, Parquet and timeline."""
