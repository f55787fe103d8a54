"""Markdown tables from the JSON lines of `python -m saelib evaluate --json`.

    python tests/benchmarks/tables.py results.jsonl [more.jsonl ...]

One table for each data set, protocol and split: mean over the seeds, ± standard deviation.
"""

from __future__ import annotations

import json
import sys

import pandas as pd

from saelib.evaluation import summary


def markdown(frame: pd.DataFrame) -> str:
    """A frame of text as a Markdown table, its columns aligned right."""
    columns = list(frame)
    rows = [columns, ["---"] + ["---:"] * (len(columns) - 1), *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def main(paths: list[str]) -> None:
    rows = [json.loads(line) for path in paths for line in open(path, encoding="utf-8")]
    for row in rows:
        row.pop("seconds", None)
        if row.pop("demographics", True) is False:
            row["model"] += " (told no demographics)"
    everything = pd.DataFrame(rows)
    if "split" not in everything:
        everything["split"] = None
    everything["split"] = everything["split"].fillna("")
    for (dataset, protocol, split), table in everything.groupby(
        ["dataset", "protocol", "split"], sort=False
    ):
        table = table.drop(columns="split").dropna(axis="columns", how="all")
        seeds = ", ".join(map(str, sorted(table["seed"].unique())))
        print(f"\n### {dataset}, {protocol}{' ' + split if split else ''}, seeds {seeds}\n")
        text = summary(table).droplevel(["dataset", "protocol"])
        if "n_inputs" in table:
            for metric in text:
                wide = text[metric].unstack("n_inputs", sort=False)
                print(f"{metric} by number of ratings shown:\n\n{markdown(wide.reset_index())}\n")
        else:
            print(markdown(text.reset_index()))


if __name__ == "__main__":
    main(sys.argv[1:])
