"""Residents without an id number of their own whose birth date is not known or typed otherwise, by name and contact.

A contact is the phone, or the dwelling or the household number of the same row. First those whose birth dates are near: day
and month in the other order, one digit, a few days or a year off, a lunar date, 1 January of the year. Then those without a
birth date. Neither brings two mentions of a list together whose keys tell people apart, nor two different id numbers: a record
with a copied one is for review.
"""

from enum import StrEnum

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import EdgeReason
from jobs.match.clusters import Flags, Numbers
from jobs.match.matcher import Known, Matcher
from jobs.match.residents import CONTACTS, KIND, ClusterRows, birth_day, clustered, read_clusters
from jobs.match.settle import (
    MOST_RIVALS,
    Keyed,
    Settled,
    as_decisions,
    distinct,
    doubt,
    doubt_one_list,
    label_after,
    pairs_by_key,
    settle,
    shared_keys,
    told_by_rivals,
)


class Reason(StrEnum):
    PHONE = "same_name_and_phone"
    ADDRESS = "same_name_and_address"
    HOUSEHOLD = "same_name_and_household"
    NEAR = "same_name_and_contact_near_birth_date"


BY_CONTACT = dict(zip(CONTACTS, (Reason.PHONE, Reason.ADDRESS, Reason.ADDRESS, Reason.HOUSEHOLD), strict=True))
# In millionths: how often such pairs are right.
CONTACT_WEIGHT = 999_000
_DAYS_OFF = (1, 10, 365, 366)
# A lunar date that is read as one of our calendar lies so many days before the day that it means.
_LEAST_LUNAR, _GREATEST_LUNAR = 15, 56
_NEW_YEAR = 101


def compare(known: Known) -> DataFrame:
    """Mentions with their cluster, `day`, and `is_open`: whether their name and birth date name several."""
    assert known.decisions is not None, "the matcher comes after name_birth"
    several = known.decisions.where(F.col("reason") == EdgeReason.NAMES_SEVERAL)
    several = several.select(F.col("number").alias("cluster")).distinct().withColumn("is_open", F.lit(True))
    rows = (
        clustered(known)
        .withColumn("day", birth_day())
        .select("cluster", "own", "is_copied", "day", "list_key", *CONTACTS)
    )
    return several.join(rows, "cluster", "right")


def decide(pairs: DataFrame) -> pa.Table:
    """`settle_by_contact` of all rows."""
    return settle_by_contact(pairs.toArrow())


def settle_by_contact(table: pa.Table) -> pa.Table:
    """Decisions on the clusters of mentions with the same name and contact.

    Args:
        table: from `compare`.
    """
    whole = read_clusters(table)
    contacts = contact_rows(whole)
    rows = whole.where(np.isin(whole.cluster, contacts.cluster))
    contacts = contact_rows(rows)
    near = settle_near(rows, contacts)
    undated, by_contact = settle_undated(rows, contacts, label_after(near, len(rows.numbers)))
    by_near = np.full(len(near.cluster), str(Reason.NEAR), dtype=object)
    parts = [
        as_decisions(rows.numbers, near, told_by_rivals(near, by_near), CONTACT_WEIGHT),
        as_decisions(rows.numbers, undated, told_by_rivals(undated, by_contact), CONTACT_WEIGHT),
    ]
    return pa.concat_tables(parts)


def contact_rows(rows: ClusterRows) -> Keyed:
    """Which clusters have which names with a contact, of those that several have."""
    keys = [rows.column(name) for name in CONTACTS]
    return shared_keys(np.concatenate(keys), np.tile(rows.cluster, len(keys)))


def settle_near(rows: ClusterRows, contacts: Keyed) -> Settled:
    """Clusters that share name and contact and have near birth dates; those that are open stay so."""
    own = rows.any(rows.flag("own"))
    one, other = near_pairs(rows, contacts.where(~rows.any(rows.flag("is_open"))[contacts.cluster]))
    is_asked = ~(own[one] & own[other])
    one, other = one[is_asked], other[is_asked]
    pair = np.arange(1, len(one) + 1)
    met = distinct(np.concatenate([pair, pair]), np.concatenate([one, other]))
    settled, label = settle(met, own), np.arange(len(own))
    return doubt_one_list(doubt(settled, rows.contradicts(settled, label)), rows.lists(label), own)


def near_pairs(rows: ClusterRows, contacts: Keyed) -> tuple[Numbers, Numbers]:
    """Two clusters each, with one name and contact and near birth dates; not of contacts that very many have."""
    day = rows.column("day")
    days = distinct(rows.cluster[day != 0], day[day != 0])  # by cluster, then day
    place = pairs_of(contacts, days)
    born = place.where(count_of(place.key) <= MOST_RIVALS)
    one, other = pairs_by_key(born, born)
    is_near = near(days.cluster[one], days.cluster[other]) & (days.key[one] < days.key[other])
    return days.key[one][is_near], days.key[other][is_near]


def pairs_of(contacts: Keyed, days: Keyed) -> Keyed:
    """For each contact of a cluster the positions in `days` of the cluster's birth dates."""
    start = np.searchsorted(days.key, contacts.cluster)
    count = np.searchsorted(days.key, contacts.cluster, side="right") - start
    before = np.repeat(np.cumsum(count) - count, count)
    place = np.repeat(start, count) + np.arange(len(before)) - before
    return distinct(np.repeat(contacts.key, count), place)


def count_of(keys: Numbers) -> Numbers:
    """How often each key is there; they are sorted."""
    return np.searchsorted(keys, keys, side="right") - np.searchsorted(keys, keys)


def near(one: Numbers, other: Numbers) -> Flags:
    """Whether two birth dates (19800101) can be one that was typed otherwise; the same date is not."""
    parts = [np.stack([day // 10_000, day // 100 % 100, day % 100]) for day in (one, other)]
    (year, month, day), (other_year, other_month, other_day) = parts
    swapped = (year == other_year) & (month == other_day) & (day == other_month)
    digits = sum((one // 10**place % 10 != other // 10**place % 10).astype(np.int64) for place in range(8))
    new_year = (year == other_year) & ((one % 10_000 == _NEW_YEAR) | (other % 10_000 == _NEW_YEAR))
    apart = np.abs(days_since(one) - days_since(other))
    is_off = np.isin(apart, _DAYS_OFF) | ((apart >= _LEAST_LUNAR) & (apart <= _GREATEST_LUNAR))
    return np.asarray((one != other) & (swapped | (digits == 1) | new_year | is_off), np.bool_)


def days_since(day: Numbers) -> Numbers:
    """Days from the beginning of 1970 to a day (19800101)."""
    months = (day // 10_000 - 1970) * 12 + day // 100 % 100 - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + day % 100 - 1


def settle_undated(rows: ClusterRows, contacts: Keyed, label: Numbers) -> tuple[Settled, Numbers]:
    """Clusters without a birth date, with who has their name and contact, and by which contact."""
    is_dated = rows.any(rows.flag("own") | (rows.column("day") != 0))
    met = distinct(contacts.key, label[contacts.cluster])
    settled = settle(met, is_dated)
    settled = doubt_one_list(doubt(settled, rows.contradicts(settled, label)), rows.lists(label), is_dated)
    reasons = np.full(len(rows.numbers), str(Reason.HOUSEHOLD), dtype=object)
    for name in reversed(CONTACTS):
        reasons[shared_keys(rows.column(name), label[rows.cluster]).cluster] = str(BY_CONTACT[name])
    return settled, reasons[settled.cluster]


MATCHER = Matcher(
    kind=KIND,
    name="name_contact",
    block_on=CONTACTS,
    compare=compare,
    decide=decide,
    reasons=(*Reason, EdgeReason.NAMES_SEVERAL),
    after=("name_birth",),
)
