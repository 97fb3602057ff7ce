"""Codes: what each code of the lists in force means.

One row per list and code. The lists hold Chinese labels only; `en` is null as long as no list has an English one.
"""

from pyspark.sql import DataFrame

from jobs.analyse.inputs import Inputs
from jobs.common.lake.engine import session
from jobs.common.model.codes import load_codes
from jobs.common.model.divisions import list_names

READS = ("conf codes/*.csv",)


def build(inputs: Inputs) -> DataFrame:
    """`list`, `code`, `zh`, `en`, unique by list and code."""
    files = inputs.conf.below("codes", ".csv")
    rows = []
    for name in list_names(files):
        for code, label, _ in load_codes(files[f"{name}.csv"]):
            rows.append((name, code, label, None))
    return session().createDataFrame(rows, "list string, code string, zh string, en string")
