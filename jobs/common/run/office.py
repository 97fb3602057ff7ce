"""The office itself, as `conf/office.yml` has it: how many residents there should be, and which export registers them.

Reads: `conf/office.yml`. Refuses: a file that its schema refuses, and a register that no contract declares.
"""

from dataclasses import dataclass

from jobs.common.base.document import ConfError
from jobs.common.base.suggestions import suggest
from jobs.common.run.conf import Conf

FILE = "office.yml"


@dataclass(frozen=True)
class Office:
    """`population` 0 and `register` empty if the office does not say."""

    population: int = 0
    register: str = ""

    @property
    def basis(self) -> str:
        """What residents are counted against, as rules name it."""
        return "population" if self.population else self.register or "nothing declared"


def read_office(conf: Conf) -> Office:
    """The office; one that says nothing in a configuration from before there was the file."""
    told = conf.yaml(FILE) if FILE in conf.files else None
    return Office(**(told or {}))


def check_office(conf: Conf) -> None:
    """Raise ConfError if the register is no export of a contract; a contract that is refused itself says so."""
    register = read_office(conf).register
    system = register.partition(".")[0]
    known = [f"{obj.system}.{obj.name}" for obj in conf.objects]
    if register and register not in known and system not in conf.refused_contracts:
        message = f"No contract declares the export `{register}`."
        raise ConfError([conf.document(FILE).finding(("register",), message, suggest(register, known))])
