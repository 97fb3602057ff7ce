"""All files of `conf/` at once, before a run begins: an invalid contract refuses its own source, any other file the run.

Reads: the configuration. Writes: nothing. Refuses: what the readers of the files refuse.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain

from jobs.common.base.document import ConfError
from jobs.common.base.errors import UserError
from jobs.common.base.passwords import find_passwords
from jobs.common.base.workspace import SUITES
from jobs.common.contracts.null_words import FILE as NULL_WORDS
from jobs.common.model.codes import load_codes
from jobs.common.model.divisions import LISTS, check_lists, list_names
from jobs.common.model.road_names import LIST as ROAD_NAMES
from jobs.common.run.authority import load_authority
from jobs.common.run.conf import Conf
from jobs.common.run.conf_schemas import SCHEMAS
from jobs.common.run.model_check import model_faults
from jobs.common.run.office import check_office

CONTRACTS = "sources/"


def check_conf(conf: Conf) -> None:
    """Raise UserError with the first fault of the configuration and how many there are; contracts are not looked at."""
    if faults := conf_faults(conf):
        more = len(faults) - 1
        told = f" (and {more} more; `jiceng sources check` names all)" if more else ""
        raise UserError(f"{next(iter(faults))}{told}")


def conf_faults(conf: Conf) -> dict[str, str]:
    """What is wrong with files other than contracts, suites among them: a sentence each, and the name of the file."""
    faults = {str(fault): fault.file for fault in conf.faults}
    passwords = dict(_passwords(conf))
    if passwords:  # other faults would repeat what is written
        return faults | passwords
    for name, check in _checks(conf):
        try:
            check()
        except ConfError as error:
            faults |= {str(finding): name for finding in error.findings}
        except UserError as error:
            faults |= {_with_path(conf, name, line): name for line in str(error).splitlines()}
    with suppress(UserError):  # if the model cannot be read, nothing is judged against it; why not is told above
        faults |= dict.fromkeys(model_faults(conf), SUITES)
    return faults


def _passwords(conf: Conf) -> Iterator[tuple[str, str]]:
    """What looks like a password in files other than contracts: a sentence, and the name of the file."""
    for name, path in sorted(conf.files.items()):
        if not name.startswith(CONTRACTS):
            for finding in find_passwords(path, conf.shown(name)):
                yield str(finding), name


def _checks(conf: Conf) -> Iterator[tuple[str, Callable[[], object]]]:
    """What each file goes through; what needs the model is not asked where that cannot be read."""
    for name in SCHEMAS:
        yield name, partial(conf.document, name)
    yield NULL_WORDS, lambda: conf.null_words
    yield "office.yml", partial(check_office, conf)
    yield "model", lambda: conf.records
    yield "products", lambda: conf.products
    try:
        records, tables = list(conf.records.values()), list(conf.tables.values())
        conf.document("authority.yml")
    except UserError:
        return
    for record in records:
        yield "authority.yml", partial(load_authority, conf, record)
    columns = chain.from_iterable(table.columns for table in tables)
    used = {field.codes for field in columns if field.codes}
    for name in sorted(used.union(list_names(conf.below("codes", ".csv")))):
        yield f"codes/{name}.csv", partial(_read_codes, conf, name)
    yield "codes/divisions.csv", lambda: check_lists(*(conf.path(f"codes/{name}.csv") for name in LISTS))
    yield f"codes/{ROAD_NAMES}.csv", lambda: conf.road_names


def _read_codes(conf: Conf, name: str) -> None:
    load_codes(conf.path(f"codes/{name}.csv"))


def _with_path(conf: Conf, name: str, told: str) -> str:
    """A sentence that begins with the name of a file, with its path instead."""
    for known in (f"conf/{name}", name.rpartition("/")[2]):
        if told.startswith(known):
            return conf.shown(name) + told.removeprefix(known)
    return told
