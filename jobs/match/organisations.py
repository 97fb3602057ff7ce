"""Decisions on pairs of mentions of organisations: by credit code, else by present or former name.

A credit code belongs to one organisation, whatever its name; two codes are two organisations, whatever their names. A name
is evidence only for who has no code. An accepted pair leads to the least mention of the credit code (of the name, where
no code has it).
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.match.pairs import ACCEPT, attach, decide

KIND = "organisation"


def group_by_code(organisations: DataFrame) -> DataFrame:
    """Mentions with a credit code, with their names and `other`, the code's least mention; one row each."""
    coded = organisations.where(F.col("code_key").isNotNull()).select("number", "code_key", "name_key", "former_key")
    codes = coded.groupBy("code_key").agg(F.min("number").alias("other"))
    return coded.join(codes, "code_key").drop("code_key")


def list_names(coded: DataFrame) -> DataFrame:
    """Which organisation with a credit code has or had which name: `name_key`, `other`, distinct.

    Args:
        coded: from `group_by_code`.
    """
    former = coded.select(F.col("former_key").alias("name_key"), "other")
    names = coded.select("name_key", "other").unionByName(former)
    return names.where(F.col("name_key").isNotNull()).distinct()


def name_loose(organisations: DataFrame, names: DataFrame) -> DataFrame:
    """Mentions without a credit code, each with the one `name_key` that it is looked up by; without those that have none.

    Args:
        organisations: from `list_mentions`.
        names: from `list_names`.
    """
    loose = organisations.where("code_key is null and (name_key is not null or former_key is not null)")
    renamed = list_renamed(loose, names)
    loose = loose.select("number", "name_key", "former_key").join(renamed, "name_key", "left")
    return loose.select("number", F.coalesce("known_as", "name_key", "former_key").alias("name_key"))


def list_renamed(loose: DataFrame, names: DataFrame) -> DataFrame:
    """Names that only mentions without a credit code have: `name_key`, unique, and `known_as`, the one former name.

    A former name that two have had stands for neither.
    """
    pairs = loose.where("name_key != former_key").select("name_key", F.col("former_key").alias("known_as"))
    pairs = pairs.distinct().join(names.select("name_key"), "name_key", "left_anti")
    now = Window.partitionBy("name_key")
    then = Window.partitionBy("known_as")
    counted = pairs.withColumns({"formers": F.count(F.lit(1)).over(now), "names": F.count(F.lit(1)).over(then)})
    return counted.where("formers = 1 and names = 1").select("name_key", "known_as")


def match_organisations(coded: DataFrame, names: DataFrame, loose: DataFrame) -> DataFrame:
    """All decisions on organisations.

    Args:
        coded: from `group_by_code`.
        names: from `list_names`.
        loose: from `name_loose`.
    """
    by_code = decide(coded, KIND, ACCEPT, "same_credit_code")
    return by_code.unionByName(attach(loose, names, "name_key", KIND, "same_organisation_name"))
