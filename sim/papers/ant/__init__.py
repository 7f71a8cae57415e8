"""ANT, MICRO 2022: the published cost model, and its figures beside ours."""
