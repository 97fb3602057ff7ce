"""The office itself, as `conf/office.yml` has it: how many residents there should be, who is registered and who lives here.

Reads: `conf/office.yml`. Refuses: a file that its schema refuses, and an export that no contract declares.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.base.document import ConfError, Place
from jobs.common.base.suggestions import suggest
from jobs.common.base.workspace import REPOSITORY_CONF
from jobs.common.contracts.sources import DEFAULT_ROLE
from jobs.common.run.conf import Conf

FILE = "office.yml"


@dataclass(frozen=True)
class Office:
    """`population` 0, `register` empty and no `residence` if the office does not say; exports as system.object@role."""

    population: int = 0
    register: str = ""
    residence: tuple[str, ...] = ()

    @property
    def basis(self) -> str:
        """What residents are counted against, as rules name it."""
        return "population" if self.population else self.register or "nothing declared"

    def is_of_register(self) -> Column:
        """Whether a row with system, object and role is one of the register."""
        return is_of_export([self.register])

    def is_of_residence(self) -> Column:
        """Whether a row with system, object and role is one of somebody who lives here."""
        return is_of_export(self.residence)


def is_of_export(exports: Sequence[str]) -> Column:
    """Whether a row is of one of the exports; those without a role are people in their own."""
    named = [export if "@" in export else f"{export}@{DEFAULT_ROLE}" for export in exports]
    return F.concat("system", F.lit("."), "object", F.lit("@"), "role").isin(named)


def read_office(conf: Conf) -> Office:
    """The office; one that says nothing in a configuration from before there was the file."""
    told = (conf.yaml(FILE) if FILE in conf.files else None) or {}
    return Office(told.get("population", 0), told.get("register", ""), tuple(told.get("residence", ())))


def check_office(conf: Conf) -> None:
    """Raise ConfError if an export is none of a contract; a contract that is refused itself says so.

    The file that is shipped speaks of shipped contracts, which a workspace may have replaced by its own.
    """
    if REPOSITORY_CONF in conf.path(FILE).parents:
        return
    office, document = read_office(conf), conf.document(FILE)
    named: list[tuple[Place, str]] = [(("register",), office.register)] if office.register else []
    named += [(("residence", at), export) for at, export in enumerate(office.residence)]
    known = [f"{obj.system}.{obj.name}" for obj in conf.objects]
    findings = []
    for place, export in named:
        declared = export.partition("@")[0]
        if declared not in known and export.partition(".")[0] not in conf.refused_contracts:
            findings.append(document.finding(place, f"No contract declares `{declared}`.", suggest(declared, known)))
    if findings:
        raise ConfError(findings)
