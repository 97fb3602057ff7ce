"""The documents show what commands print, lead to each other, and say the same in both languages."""

import re
from pathlib import Path

import pytest

from tests.house.test_architecture import COMMON, MAY_IMPORT, STAGES
from tests.support.constants import REPOSITORY
from tests.support.documents import (
    CHINESE,
    DEPARTMENT,
    DEPARTMENT_SECTION,
    README,
    Block,
    anchors,
    blocks,
    consoles,
    links,
    list_documents,
    print_examples,
    prose,
    read,
    replace_blocks,
    shorten,
    shows,
    unread,
)
from tests.support.pictures import MOST_BYTES, PICTURES
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]

DOCUMENTS = list_documents()
MOST_LINES = 160
GLOSSARY = REPOSITORY / "GLOSSARY.md"
ARCHITECTURE = REPOSITORY / "ARCHITECTURE.md"
# Words that the house uses as terms: each has a line in the glossary.
TERMS = """
archive, as_of, bench, blocking, books, canary, candidate, classification level, cleaning rules, cluster, code list,
connector, contract, corruption, delivery, division, drill, edge, entity, fence, file_id, fingerprint, fuzz, gate,
grain, held, hold, identity event, inbox, incremental, incremental state, issue, judgement, kind, lake, late, layer,
lineage, log, matcher, mention, model, night, null word, object, object batch, office, partial, predicate, product,
quarantine, reason, record, refused, release, replay, reprocessing, retention, role, rollback, room, run, sample town,
scratch table, semantic type, severity, shape, skipped, snapshot, stage, suite, survivorship, system, used range,
verdict, version, withdrawn, workspace
"""


def named(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def table_rows(text: str) -> list[list[str]]:
    """Cells of all rows of a document's tables, without the lines below the headers."""
    lines = [line for line in prose(text).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_block_with_output_is_executed(document: Path) -> None:
    assert unread(read(document)) == []
    if document != DEPARTMENT:
        assert DEPARTMENT_SECTION not in {block.section for block in blocks(read(document))}


def test_there_are_examples() -> None:
    assert {named(document) for document in DOCUMENTS if consoles(read(document))} >= {
        "README.md",
        "OPERATING.md",
        "ARCHITECTURE.md",
    }


@pytest.mark.parametrize(
    "block", ["text\nkind  rows\n", "console\nkind  rows\n", "bash\n$ jiceng status\n", "\nkind  rows\n", "json\n{}\n"]
)
def test_a_block_that_nobody_executes_is_named(block: str) -> None:
    assert len(unread(f"## Read\n\n```{block}```\n")) == 1


def test_a_block_in_a_list_is_a_block() -> None:
    text = "1. Ask:\n\n   ```console\n   $ jiceng status\n   kind  rows\n   ```\n\n2. Read [it](x.md).\n"
    assert unread(text) == [":    $ jiceng status"]
    assert links(text) == ["x.md"]
    assert "jiceng" not in prose(text)


def test_the_examples_show_what_is_printed(town: Town, tmp_path: Path) -> None:
    for document, block, outputs in print_examples(DOCUMENTS, town.home, tmp_path):
        for (command, promised), printed in zip(block.steps, outputs, strict=True):
            assert shows(promised, printed), (
                f"{named(document)}\n$ {command}{printed}\n"
                ".venv/bin/python -m tests.support.documents --write puts it into the documents"
            )


@pytest.mark.parametrize(
    ("promised", "printed", "is_shown"),
    [
        ("rows  1\n", "rows 1\n", True),
        ("rows  1\n", "rows 2\n", False),
        ("land 1.4 s\n", "land 0.9 s\n", True),
        ("land 1.4 s\n", "land 1 s\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("a\nb\n…\nb\nd\n", "a\nb\nd\n", False),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
    ],
)
def test_what_a_block_shows(promised: str, printed: str, is_shown: bool) -> None:
    assert shows(promised, printed) == is_shown


@pytest.mark.parametrize(
    ("promised", "printed", "written"),
    [
        ("rows  1\n", "rows  2 \n", "rows  2\n"),
        ("land 1.4 s\n", "land 0.9 s\n", "land 1.4 s\n"),
        ("land 1.4 s\nrows 1\n", "land 0.9 s\nrows 2\n", "land 1.4 s\nrows 2\n"),
        ("a\n  …\nd\n", "x\nb\nc\ny\n", "x\n  …\ny\n"),
        ("", "a\n", "a\n"),
    ],
)
def test_what_is_written_into_a_block(promised: str, printed: str, written: str) -> None:
    assert shorten(promised, printed) == written


def test_blocks_are_replaced_in_place() -> None:
    text = "## A\n\n```console\n$ x\n1\n```\n\n```console\n$ y\n2\n```\n"
    first, second = consoles(text)
    changed: list[tuple[Block, str]] = [(first, "$ x\n11\n11\n"), (second, "$ y\n")]
    assert replace_blocks(text, changed) == "## A\n\n```console\n$ x\n11\n11\n```\n\n```console\n$ y\n```\n"


@pytest.mark.parametrize("document", [README, CHINESE], ids=named)
def test_the_town_is_the_demos(document: Path) -> None:
    """What is told of `make demo` is looked at in the town that the tests build."""
    from tests.support.town_fixtures import NIGHTS, RESIDENTS

    pattern = {
        README: r"a sample town of ([0-9,]+) residents for (\d+) nights",
        CHINESE: r"([0-9,]+) 人示例镇 (\d+) 个晚上",
    }[document]
    told = re.search(pattern, read(document))
    assert told
    assert (told[1], told[2]) == (f"{RESIDENTS:,}", str(NIGHTS))
    assert re.search(rf"--residents.*default={RESIDENTS},", (REPOSITORY / "jobs/demo/__main__.py").read_text())


@pytest.mark.parametrize("document", [README, CHINESE], ids=named)
def test_the_way_in_is_short(document: Path) -> None:
    assert len(read(document).splitlines()) <= MOST_LINES


def test_the_picture_is_small() -> None:
    [picture] = PICTURES.iterdir()
    assert f"({picture.relative_to(REPOSITORY)})" in read(README)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for link in links(read(document)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{link} leads to no file"
        assert target.is_relative_to(REPOSITORY), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(read(target)), f"{link} leads to no heading"


def test_headings_are_shortened_as_web_pages_do() -> None:
    text = "# A night\n\n## Recipe: a source that is no file\n\n### `a_b`, *c*\n\n```\n# no heading\n```\n"
    assert anchors(text) == {"a-night", "recipe-a-source-that-is-no-file", "a_b-c"}


def test_every_document_is_linked_from_another() -> None:
    linked = set()
    for document in DOCUMENTS:
        files = {link.partition("#")[0] for link in links(read(document)) if not link.startswith("https://")}
        linked |= {(document.parent / file).resolve() for file in files if file} - {document}
    assert set(DOCUMENTS) - linked == set()


def test_both_languages_have_the_same_commands_and_numbers() -> None:
    english, chinese = read(README), read(CHINESE)
    assert [commands_of(block) for block in blocks(chinese)] == [commands_of(block) for block in blocks(english)]
    assert codes_of(chinese) == codes_of(english)
    assert numbers_of(chinese) == numbers_of(english)
    assert [link for link in links(chinese) if link != named(README)] == [
        link for link in links(english) if link != named(CHINESE)
    ]
    assert len(table_rows(chinese)) == len(table_rows(english))
    assert [len(line.split()[0]) for line in headings_of(chinese)] == [
        len(line.split()[0]) for line in headings_of(english)
    ]


def commands_of(block: Block) -> tuple[str, list[str]]:
    """Language and lines of a block, without what its comments say."""
    return block.language, [re.sub(r"\s+# .*", "", line) for line in block.text.splitlines()]


def codes_of(text: str) -> list[str]:
    return sorted(set(re.findall(r"`([^`]+)`", prose(text))))


def numbers_of(text: str) -> list[str]:
    """Numbers of the prose, outside of commands."""
    return sorted(re.findall(r"\d[\d,.]*\d|\d", re.sub(r"`[^`]+`", "", prose(text))))


def headings_of(text: str) -> list[str]:
    return [line for line in prose(text).splitlines() if line.startswith("#")]


@pytest.mark.parametrize(
    ("english", "chinese", "is_same"),
    [
        ("1,000 residents", "居民 1,000 人", True),
        ("1,000 residents", "居民 1,001 人", False),
        ("2 of 3", "3 个中的 2 个", True),
        ("`make 4` 5", "5 `make 4`", True),
    ],
)
def test_numbers_of_prose_are_compared(english: str, chinese: str, is_same: bool) -> None:
    assert (numbers_of(english) == numbers_of(chinese)) == is_same


def glossary() -> dict[str, str]:
    """Words of the glossary with their Chinese terms; a name in brackets is another word for it."""
    found: dict[str, str] = {}
    for word, chinese, meaning in table_rows(read(GLOSSARY)):
        if word in ("word", "---"):
            continue
        assert meaning
        for name in re.sub(r" \(.*\)", "", word).split(", "):
            assert name not in found, f"{name} is told twice"
            found[name] = chinese
    return found


def test_the_glossary_has_all_terms() -> None:
    terms = {term.strip() for term in TERMS.replace("\n", " ").split(",")}
    assert terms - set(glossary()) == set()


def test_each_term_is_told_in_chinese_as_well() -> None:
    assert [word for word, chinese in glossary().items() if not re.search("[\u4e00-\u9fff]", chinese)] == []


def test_the_rooms_are_those_of_the_import_law() -> None:
    section = read(ARCHITECTURE).partition("\n## Rooms\n")[2].partition("\n## ")[0]
    told: dict[str, set[str]] = {}
    for cells in table_rows(section):
        if re.fullmatch("`[a-z]+`", cells[0]):
            rooms = set(re.findall("`([a-z]+)`", cells[2])) | (STAGES if "all stages" in cells[2] else set())
            told[cells[0].strip("`")] = rooms
    law = {room: others for room, others in MAY_IMPORT.items() if room} | {"common": set()} | COMMON
    assert told == law


def test_the_recipes_are_told() -> None:
    recipes = [line for line in headings_of(read(ARCHITECTURE)) if line.startswith("## Recipe: ")]
    assert recipes == [
        "## Recipe: a record type and its table",
        "## Recipe: a product",
        "## Recipe: a matcher",
        "## Recipe: a source that is no file",
        "## Recipe: a semantic type",
    ]
