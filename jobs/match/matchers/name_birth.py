"""Residents without an id number of their own, by name and birth date.

They are the resident with the same name, birth date and contact, who may have an id number; a contact is the phone, or the
dwelling or the household number of the same row. Without a contact they are the one resident with an id number who has the
name and birth date, if there is exactly one.

The latter says nothing if few residents are known (`Known.is_well_known`), or on 1 January, which stands for many birth
dates that nobody knows. It says nothing of two mentions of a list whose keys tell people apart.
"""

from enum import StrEnum

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import EdgeReason
from jobs.match.clusters import Numbers
from jobs.match.keys import key_of
from jobs.match.matcher import Known, Matcher
from jobs.match.residents import CONTACTS, KIND, ClusterRows, clustered, read_clusters
from jobs.match.settle import (
    Keyed,
    Settled,
    Texts,
    as_decisions,
    distinct,
    doubt,
    doubt_one_list,
    label_after,
    mix,
    pairs_by_key,
    settle,
    shared_keys,
    told_by_rivals,
)


class Reason(StrEnum):
    PHONE = "same_name_birth_date_phone"
    ADDRESS = "same_name_birth_date_address"
    HOUSEHOLD = "same_name_birth_date_household"
    ONE_ID = "same_name_birth_date_one_id"
    NO_ID = "same_name_birth_date_no_id"


BY_CONTACT = dict(zip(CONTACTS, (Reason.PHONE, Reason.ADDRESS, Reason.ADDRESS, Reason.HOUSEHOLD), strict=True))
# In millionths: how often such pairs are right.
CONTACT_WEIGHT, ONE_ID_WEIGHT = 999_999, 999_880
_NEW_YEAR = 101


def compare(known: Known) -> DataFrame:
    """Mentions with their cluster, and those with a former name a second time under that (`is_former`).

    `birth_key` is the key of name and birth date; null if no birth date is known, and a copied id number tells none.
    `is_telling`: whether a name and birth date may tell who it is without a contact.
    """
    rows = clustered(known).withColumns({"birth_key": F.col("name_birth_key"), "is_former": F.lit(False)})
    former = rows.where("former_key is not null")
    contacts = dict(zip(CONTACTS, ("phone_key", "road_place", "compound_place", "household_key"), strict=True))
    keys = {name: key_of("former_key", contact) for name, contact in contacts.items()}
    former = former.withColumns({**keys, "birth_key": F.col("former_birth_key"), "is_former": F.lit(True)})
    both = rows.unionByName(former)
    is_born = F.col("own") | F.col("born").isNotNull()
    born = F.coalesce("born", "id_born")
    is_telling = F.lit(known.is_well_known) & (born % 10_000 != _NEW_YEAR)
    told = {
        "birth_key": F.when(is_born, F.col("birth_key")),
        "fits": F.col("own") & (F.col("born") == F.col("id_born")),
        "differs": F.col("own") & (F.col("born") != F.col("id_born")),
        "is_bare": F.col("own") & F.col("born").isNull(),
        "is_telling": is_telling,
    }
    columns = ["number", "cluster", "own", "is_copied", *told, "is_former", "list_key"]
    return both.withColumns(told).select(*columns, *CONTACTS)


def decide(pairs: DataFrame) -> pa.Table:
    """`settle_births` of all rows."""
    return settle_births(pairs.toArrow())


def settle_births(table: pa.Table) -> pa.Table:
    """Decisions on the clusters of mentions with the same name and birth date.

    First a record with a copied id number goes home; then contacts speak; then what is left is asked for by name and
    birth date alone.

    Args:
        table: from `compare`.
    """
    whole = read_clusters(table)
    rows = in_company(whole)
    strays, by_contact, reasons = settle_contacts(rows)
    label = label_after(by_contact, len(rows.numbers))[label_after(strays, len(rows.numbers))]
    by_birth = settle_rest(rows, label, by_contact.cluster[~by_contact.is_accepted])
    is_named = rows.any(rows.flag("own"))
    rest = np.where(is_named[by_birth.other], str(Reason.ONE_ID), str(Reason.NO_ID))
    parts = [
        send_home(whole, rows.numbers[strays.cluster], rows.numbers[strays.other]),
        as_decisions(rows.numbers, by_contact, told_by_rivals(by_contact, reasons), CONTACT_WEIGHT),
        as_decisions(rows.numbers, by_birth, told_by_rivals(by_birth, rest), ONE_ID_WEIGHT),
    ]
    return pa.concat_tables(parts)


def in_company(rows: ClusterRows) -> ClusterRows:
    """The rows of clusters with a name and birth date that others have; most are alone, as id numbers have told who they are."""
    met = shared_keys(rows.column("birth_key"), rows.cluster)
    return rows.where(np.isin(rows.cluster, met.cluster))


def settle_contacts(rows: ClusterRows) -> tuple[Settled, Settled, Texts]:
    """Clusters with a copied id number and their home; what contacts bring together after that, and by which contact."""
    birth = rows.column("birth_key")
    keys = {name: mix(birth, rows.column(name)) for name in CONTACTS}
    all_keys, all_clusters = np.concatenate(list(keys.values())), np.tile(rows.cluster, len(keys))
    contacts = shared_keys(all_keys, all_clusters)
    strays = find_strays(rows, contacts)
    label = label_after(strays, len(rows.numbers))
    settled = settle(distinct(contacts.key, label[contacts.cluster]), rows.any(rows.flag("own")))
    reasons = np.full(len(rows.numbers), str(Reason.HOUSEHOLD), dtype=object)
    for name in reversed(CONTACTS):
        reasons[shared_keys(keys[name], label[rows.cluster]).cluster] = str(BY_CONTACT[name])
    return strays, settled, reasons[settled.cluster]


def find_strays(rows: ClusterRows, contacts: Keyed) -> Settled:
    """Clusters whose id number is not that of their birth date, each with the one of name, birth date and contact whose is."""
    fits = rows.any(rows.flag("fits"))
    differs = rows.any(rows.flag("differs")) & ~fits & ~rows.any(rows.flag("is_bare"))
    strays, homes = pairs_by_key(contacts.where(differs[contacts.cluster]), contacts.where(fits[contacts.cluster]))
    is_one = np.bincount(strays, minlength=len(rows.numbers))[strays] == 1
    return Settled(strays[is_one], homes[is_one], np.ones(int(is_one.sum()), np.bool_))


def settle_rest(rows: ClusterRows, label: Numbers, open_clusters: Numbers) -> Settled:
    """Clusters, after `label`, that name and birth date bring together without a contact; those that are open stay so."""
    own = rows.any(rows.flag("own"))
    asked = ~rows.flag("is_former") & ~np.isin(label[rows.cluster], open_clusters)
    births = shared_keys(rows.column("birth_key")[asked], label[rows.cluster[asked]])
    settled = settle(births, own)
    is_silent = asked & ~rows.flag("is_telling") & np.isin(rows.column("birth_key"), births.key)
    silent = label[rows.cluster[is_silent]]
    is_doubtful = ~own[settled.other] | np.isin(settled.cluster, silent) | rows.contradicts(settled, label)
    return doubt_one_list(doubt(settled, is_doubtful), rows.lists(label), own)


def send_home(whole: ClusterRows, strays: Numbers, homes: Numbers) -> pa.Table:
    """All mentions of the clusters with a copied id number, each with the home of its cluster."""
    order = np.argsort(strays)
    strays, homes = strays[order], homes[order]
    numbers, first = np.unique(whole.column("number"), return_index=True)
    clusters = whole.numbers[whole.cluster[first]]
    is_stray = np.isin(clusters, strays)
    numbers, clusters = numbers[is_stray], clusters[is_stray]
    other = homes[np.searchsorted(strays, clusters)]
    both = np.concatenate([numbers, other])
    size = len(numbers)
    pairs = Settled(np.arange(size), np.arange(size, 2 * size), np.ones(size, np.bool_))
    return as_decisions(both, pairs, np.full(size, str(EdgeReason.ID_DOES_NOT_FIT), dtype=object), CONTACT_WEIGHT)


MATCHER = Matcher(
    kind=KIND,
    name="name_birth",
    block_on=("name_birth_key", "former_birth_key"),
    compare=compare,
    decide=decide,
    reasons=(*Reason, EdgeReason.NAMES_SEVERAL, EdgeReason.ID_DOES_NOT_FIT),
    after=("exact_id",),
)
