"""polars, asked over the lines of `protocol.py`: a CSV file to a table that is typed, held against rules, cleaned and split.

Everything that may stream streams, and what does not is collected as late as possible. A process does it once, so that
its peak of memory is that of one run.
"""

import json
import os
import resource

from protocol import Clock, serve, take_output

answers = take_output()

import polars as pl

NUMBERS = ["quantity", "price", "weight"]
CATEGORIES = ["customer", "department", "channel"]
QUANTILES = [i / 200 for i in range(201)]


def numeric(name):
    """Infinite values are missing, as values that are no number are."""
    value = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value).alias(name)


def moment(name):
    """ISO 8601, day/month/year, or seconds since 1970."""
    text = pl.col(name)
    return pl.coalesce(
        text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"),
        text.str.to_datetime("%d/%m/%Y %H:%M:%S", strict=False, time_unit="us"),
        pl.from_epoch(text.cast(pl.Int64, strict=False), time_unit="s").cast(pl.Datetime("us")),
    ).alias(name)


class Peer:
    def prepare(self, csv, folder, rules, shares, seed):
        """Counts of every stage, and what the process held at most, in bytes."""
        with Clock() as clock:
            counts = self.stages(csv, folder, rules, shares, seed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {**clock.sample(), "peak": peak, "counts": counts, "polars": pl.__version__}

    def stages(self, csv, folder, rules, shares, seed):
        path = lambda name: os.path.join(folder, name)
        raw = pl.scan_csv(csv, infer_schema=False)
        typed = [numeric(name) for name in NUMBERS]
        typed += [pl.col(name) for name in ["order_id", *CATEGORIES, "title"]]
        typed += [(pl.col("returned") == "true").alias("returned"), moment("ordered_at")]
        readable = [pl.col(name).count().alias(name) for name in [*NUMBERS, "ordered_at"]]
        written = raw.select(readable).collect(engine="streaming").row(0, named=True)
        raw.select(typed).sink_parquet(path("typed.parquet"), compression="zstd")

        table = pl.scan_parquet(path("typed.parquet"))
        kept = table.select(readable).collect(engine="streaming").row(0, named=True)
        breaks = (
            (pl.col("quantity") < rules["quantity"]["min"])
            | (pl.col("price") > rules["price"]["max"])
            | ~pl.col("department").is_in(rules["department"]["allowed"])
        ).fill_null(False)
        self.profile(table, path("profile.json"))
        table.filter(~breaks).sink_parquet(path("good.parquet"), compression="zstd")
        table.filter(breaks).sink_parquet(path("quarantine.parquet"), compression="zstd")

        good = pl.scan_parquet(path("good.parquet"))
        clean = good.unique(keep="first", maintain_order=True)
        clean.sink_parquet(path("clean.parquet"), compression="zstd")
        lengths = [pl.scan_parquet(path(f"{name}.parquet")).select(pl.len()).collect().item()
                   for name in ("typed", "quarantine", "good", "clean")]  # fmt: skip
        rows = lengths[3]
        parts = self.split(rows, shares, seed, path("split.parquet"))
        return {
            "rows": lengths[0],
            "unreadable": {name: written[name] - kept[name] for name in written},
            "quarantined": lengths[1],
            "duplicates": lengths[2] - rows,
            "parts": parts,
        }

    def profile(self, table, out):
        """By column: missing and distinct values, mean, deviation, quantiles and counts between them; or the top values."""
        measures = [(name, pl.col(name)) for name in NUMBERS]
        measures += [("ordered_at", pl.col("ordered_at").dt.epoch("us").cast(pl.Float64) / 1e6)]
        measures += [("title", pl.col("title").str.len_chars().cast(pl.Float64))]
        profile = {}
        for name, x in measures:
            found = table.select(
                missing=x.null_count(), distinct=x.approx_n_unique(), least=x.min(), most=x.max(), mean=x.mean(),
                deviation=x.std(ddof=0),
            ).collect(engine="streaming").row(0, named=True)  # fmt: skip
            values = table.select(x.alias("x")).collect(engine="streaming").get_column("x").drop_nulls()
            sample = values.sample(min(len(values), 250_000), seed=0).sort()
            edges = [sample.quantile(q, interpolation="lower") for q in QUANTILES]
            bins = sorted(set(edges))
            counts = values.hist(bins=bins).get_column("count").to_list() if len(bins) > 1 else []
            profile[name] = {**found, "edges": edges, "counts": counts}
        for name in [*CATEGORIES, "order_id", "returned"]:
            counted = table.group_by(name).len().collect(engine="streaming")
            top = counted.drop_nulls().sort(["len", name], descending=[True, False]).head(100)
            profile[name] = {"distinct": len(counted), "top": top.rows()}
        days = table.group_by(pl.col("ordered_at").dt.date()).len().sort("ordered_at").collect(engine="streaming")
        profile["days"] = [[str(day), n] for day, n in days.rows()]
        with open(out, "w") as file:
            json.dump(profile, file)

    def split(self, rows, shares, seed, out):
        # By largest remainder.
        sizes = [int(rows * share) for share in shares]
        largest = sorted(range(len(shares)), key=lambda part: sizes[part] - rows * shares[part])
        for part in largest[: rows - sum(sizes)]:
            sizes[part] += 1
        parts = pl.concat([pl.repeat(part, n, dtype=pl.UInt8, eager=True) for part, n in enumerate(sizes)])
        parts.shuffle(seed=seed).to_frame("part").write_parquet(out)
        return sizes


serve(Peer(), answers)
