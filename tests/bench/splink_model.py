"""Splink 5 on cleaned records of residents: `python splink_model.py RECORDS CLUSTERS`, in an environment of its own.

The model is what a person who knows Splink would write in an afternoon. Names have their frequencies, and birthdays have near
levels. Id numbers have none: cleaning keeps no number that fails its checksum, so near ones are twins'. Phone and door are one
comparison, because separate ones count one fact twice. Parameters come from the records alone: u by random pairs, m by
expectation maximisation. Links of 99 % become clusters; of .5 to .999999 that was the best on seed 101.

Reads: a Parquet file with `mention_id`, `name`, `former_name`, `id_number`, `birth`, `phone`, `door`.
Writes: a Parquet file with `mention_id` and `entity`.
"""

import sys

import duckdb
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

THRESHOLD = 0.99
SEED = 1
_PAIRS = 2e6  # random pairs for u
_RECALL = 0.6  # of the rules that tell how many pairs are one person

_NAMES = comparisons.CustomComparison(
    output_column_name="name",
    comparison_levels=[
        levels.NullLevel("name"),
        levels.ExactMatchLevel("name", term_frequency_adjustments=True),
        levels.CustomLevel("name_l = former_name_r or former_name_l = name_r", "former name"),
        levels.CustomLevel("list_sort(string_split(name_l, '')) = list_sort(string_split(name_r, ''))", "other order"),
        levels.CustomLevel("levenshtein(name_l, name_r) <= 1 and left(name_l, 1) = left(name_r, 1)", "one character"),
        levels.CustomLevel("left(name_l, 1) = left(name_r, 1)", "surname"),
        levels.ElseLevel(),
    ],
)
_BIRTHS = comparisons.CustomComparison(
    output_column_name="birth",
    comparison_levels=[
        levels.NullLevel("birth"),
        levels.ExactMatchLevel("birth"),
        levels.CustomLevel("damerau_levenshtein(birth_l, birth_r) <= 1", "one digit"),
        levels.CustomLevel(
            "left(birth_l, 4) = left(birth_r, 4) and substr(birth_l, 6, 2) = substr(birth_r, 9, 2)"
            " and substr(birth_l, 9, 2) = substr(birth_r, 6, 2)",
            "swapped",
        ),
        levels.CustomLevel("abs(datediff('day', birth_l::date, birth_r::date)) <= 60", "two months"),
        levels.CustomLevel("left(birth_l, 4) = left(birth_r, 4)", "year"),
        levels.ElseLevel(),
    ],
)
_IDS = comparisons.CustomComparison(
    output_column_name="id_number",
    comparison_levels=[
        levels.NullLevel("id_number"),
        levels.ExactMatchLevel("id_number"),
        levels.ElseLevel(),
    ],
)
_PHONE, _DOOR = "phone_l = phone_r", "door_l = door_r"
_CONTACTS = comparisons.CustomComparison(
    output_column_name="contact",
    comparison_levels=[
        levels.CustomLevel(
            "(phone_l is null or phone_r is null) and (door_l is null or door_r is null)", "null"
        ).configure(is_null_level=True),
        levels.CustomLevel(f"{_PHONE} and {_DOOR}", "phone and door"),
        levels.CustomLevel(_PHONE, "phone"),
        levels.CustomLevel(_DOOR, "door"),
        levels.ElseLevel(),
    ],
)
_RULES = [
    block_on("id_number"),
    block_on("name", "birth"),
    block_on("name", "phone"),
    block_on("name", "door"),
    block_on("birth", "phone"),
    block_on("birth", "door"),
    block_on("left(name, 1)", "birth"),
]


def cluster(records: str, clusters: str) -> None:
    """Train the model on the records, and write which of them are one person."""
    db = duckdb.connect()
    db.execute("create table records as select * from read_parquet(?)", [records])
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="mention_id",
        comparisons=[_NAMES, _BIRTHS, _IDS, _CONTACTS],
        blocking_rules_to_generate_predictions=_RULES,
        retain_matching_columns=False,
        additional_columns_to_retain=[],
    )
    linker = Linker(DuckDBAPI(db).register("records"), settings, log_level="WARNING")
    training = linker.training
    certain = [block_on("id_number"), block_on("name", "birth", "phone"), block_on("name", "birth", "door")]
    training.estimate_probability_two_random_records_match(certain, recall=_RECALL)
    training.estimate_u_using_random_sampling(max_pairs=_PAIRS, seed=SEED)
    for rule in (block_on("id_number"), block_on("name", "birth"), block_on("birth", "phone")):
        training.estimate_parameters_using_expectation_maximisation(rule, record_sample_proportion=1.0)
    links = linker.inference.predict(threshold_match_probability=THRESHOLD)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(links, THRESHOLD)
    table = found.as_duckdbpyrelation().select("mention_id, cluster_id as entity")
    table.write_parquet(clusters)


if __name__ == "__main__":
    cluster(*sys.argv[1:])
