"""What docs/training.md recommends holds in the committed measurements."""

import json
from pathlib import Path

RUNS = json.loads((Path(__file__).parents[2] / "benchmarks/better_training.json").read_text())[
    "runs"
]


def test_a_dense_networks_weights_are_the_better_start() -> None:
    for run in RUNS:
        ways = run["ways"]
        assert min(ways[name]["float"] for name in ("svd_short", "compress_short")) > (
            ways["scratch_short"]["float"] + 0.03
        )


def test_training_with_the_ops_integers_makes_float_and_int8_agree() -> None:
    agreement = {
        name: sum(run["ways"][name]["agreement"] for run in RUNS)
        for name in ("float_more", "integer_more")
    }
    assert agreement["integer_more"] >= agreement["float_more"]
