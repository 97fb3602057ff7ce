"""`resident`: who it is (registered, living here, deceased), how old, and how much is known of it.

    is_registered, lives_here, registered_address   from the exports that `conf/office.yml` names; null if it names none
    is_deceased, birth_year, age_band               from the fields that were chosen
    system_count, last_seen                         from the current records

The age is the one reached in the year of the night, so that no row changes on a birthday.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.model.records import Record
from jobs.common.run.authority import PLACE_LENGTH, Authority, place_text
from jobs.merge.derived.neighbours import Neighbours

# The first age of each band and its name.
BANDS = ((0, "00-05"), (6, "06-14"), (15, "15-17"), (18, "18-59"), (60, "60-79"), (80, "80+"))


def aggregates(record: Record, neighbours: Neighbours, authority: Authority) -> list[Column]:
    """What is made of all records of a resident; only columns that the record declares."""
    office = neighbours.office
    registered = F.when(office.is_of_register() & F.col("address").isNotNull(), F.col("address"))
    no_export = F.lit(None).cast("boolean")
    found = {
        "is_registered": _has_any(office.is_of_register()) if office.register else no_export,
        "lives_here": _has_any(office.is_of_residence()) if office.residence else no_export,
        "registered_address": F.substr(
            F.min(F.concat(place_text(authority.order("address")), registered)), F.lit(PLACE_LENGTH + 1)
        ),
        "system_count": F.size(F.collect_set("system")).cast("bigint"),
        "last_seen": F.max("valid_from"),
    }
    return [column.alias(name) for name, column in found.items() if record.derives(name)]


def _has_any(test: Column) -> Column:
    return F.max(F.when(test, 1).otherwise(0)) == 1


def derive(residents: DataFrame, record: Record, neighbours: Neighbours) -> DataFrame:
    """Adds the columns that follow from chosen fields; keeps every row."""
    birth_year = F.year("birth_date").cast("bigint")
    found = {
        "is_deceased": F.col("death_date").isNotNull(),
        "birth_year": birth_year,
        "age_band": age_band(F.lit(neighbours.year) - birth_year),
    }
    return residents.withColumns({name: column for name, column in found.items() if record.derives(name)})


def age_band(age: Column) -> Column:
    """The band of an age in years; null for nobody born yet."""
    band = F.lit(None).cast("string")
    for first, name in BANDS:
        band = F.when(age >= first, F.lit(name)).otherwise(band)
    return band
