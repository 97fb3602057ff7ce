"""Configuration as people damage it: each file is refused with its path, line and remedy, and nothing hangs or crashes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.common.base.document import ConfError, read_document
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.run import conf as conf_module
from jobs.common.run.conf import current_conf, snapshot_conf, take_snapshot
from jobs.common.run.conf_check import check_conf, conf_faults
from tests.support.office import Office, open_office, rows_of

pytestmark = pytest.mark.nights

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# A text -> what is told of it, behind the path of the file.
TEXTS: dict[str, tuple[str | bytes, str]] = {
    "an alias bomb": (BOMB, ":5: The file is not valid YAML (more than 50,000 values, counting what its aliases stand for)."),
    "a bomb of merged blocks": (
        BOMB.replace("[x, x, x, x, x, x, x, x, x]", "{x: 1}").replace("[*", "{<<: [*").replace("]\n", "]}\n"),
        "values, counting what its aliases stand for",
    ),
    "a chain of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)),
        "The file is not valid YAML (more than 50 levels deep)",
    ),
    "an alias of itself": ("a: &a [*a]\n", ":1 a[0]: An alias contains itself. Write the block out in full."),
    "an alias of nothing": ("a: *b\n", ":1: YAML syntax error at line 1, column 4: found undefined alias"),
    "very deep lists": ("[" * 100_000, ":1: The file is not valid YAML (more than 50 levels deep). Write it with fewer levels."),
    "very deep blocks": ("".join(f"{' ' * n}a:\n" for n in range(200)), "more than 50 levels deep"),
    "very deep items": ("- " * 20_000, "more than 50 levels deep"),
    "a key said twice": ("a: {b: [无]}\na: {}\n", ":2 a: The key `a` is said twice, first on line 1."),
    "a tab": ("a:\n\tb: [无]\n", "found character '\\t' that cannot start any token. Indent with spaces, not with tabs."),
    "a NUL": ("a: '\0'\n", ":1: The file is not valid YAML (control character U+0000). Remove that character."),
    "a NUL as an escape": ('a: "\\0"\n', ":1: The file is not valid YAML (a value with a NUL or half a character)."),
    "GBK": ("# 单位\norganisation: {}\n".encode("gbk"), ":1: The file is not UTF-8. Save it in the encoding UTF-8."),
    "UTF-16": ("organisation: {}\n".encode("utf-16"), ":1: The file is not UTF-8."),
    "half a character": ("organisation: {no_names: [无]}\n".encode()[:-4], ":1: The file is not UTF-8."),
    "a tag of Python": ("a: !!python/object/apply:os.system [id]\n", "python/object/apply:os…` is not allowed. Remove"),
    "a set": ("organisation: !!set {无}\n", "the tag `tag:yaml.org,2002:set` is not allowed. Remove the tag"),
    "a number that is empty": ("organisation: {no_names: !!int ''}\n", ":1: The file is not valid YAML (`` is not what its tag"),
    "a number without digits": ("\nno_names: !!int _\n", ":2: The file is not valid YAML (`_` is not what its tag"),
    "a fraction that is empty": ("a:\n- !!float\n", ":2: The file is not valid YAML (`` is not what its tag"),
    "a truth that is none": ("a: !!bool maybe\n", "(`maybe` is not what its tag `tag:yaml.org,2002:bool` says). Remove the tag."),
    "a nothing that is something": ("a: !!null x\n", "(`x` is not what its tag `tag:yaml.org,2002:null` says)"),
    "a number beyond all fractions": (f"a: !!float {'9:' * 400}9.0\n", "(a value of 803 characters). Shorten it."),
    "a thousand directives": ("%TAG !a! x\n" * 1000, ":1: The file is not valid YAML (a directive)."),
    "a very long value": ("organisation: {no_names: ['" + "无" * 30_000 + "']}\n", "a value of 30,000 characters). Shorten it."),
    "a number of a million digits": ("organisation: {no_names: [" + "7" * 900_000 + "]}\n", "a value of 900,000 characters"),
    "more than a megabyte": ("#" + "x" * 1_000_000, ": The file has 1,000,001 bytes, and 1,000,000 bytes are the most."),
    "two documents": ("organisation: {}\n---\na: 1\n", ":2: YAML syntax error at line 2, column 1: but found another document"),
    "nothing": ("", ": The value must be a block of keys. Write a block of keys."),
    "a list": ("- 无\n", ":1: The value must be a block of keys."),
    "a key misspelt": ("organisation: {noname: [无]}\n", "The key `noname` is not known here. Did you mean `no_names`?"),
    "a key missing": ("organisation: {}\n", ":1 organisation.no_names: The key `no_names` is missing. Add `no_names:` here."),
    "a word for a list": ("organisation:\n  no_names: 无\n", ":2 organisation.no_names: The value must be a list. Write a list."),
    "a word for false": ("organisation: {no_names: [无, no]}\n", 'no_names[1]: The value must be text. Put it in quotes: "no"'),
    "a number for a word": ("organisation: {no_names: [010]}\n", 'The value must be text. Put it in quotes: "010".'),
    "an hour for a word": ("organisation: {no_names: [12:30]}\n", 'Put it in quotes: "12:30".'),
}  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "workspace")


def write(office: Office, name: str, content: str | bytes) -> Path:
    path = office.workspace.conf / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def faults(workspace: Workspace) -> list[str]:
    return list(conf_faults(current_conf(workspace)))


@pytest.mark.parametrize("case", TEXTS)
def test_a_damaged_file_is_told_with_path_line_and_remedy(office: Office, case: str) -> None:
    content, told = TEXTS[case]
    path = write(office, "match.yml", content)
    with pytest.raises(UserError) as refused:
        check_conf(current_conf(office.workspace))
    assert str(refused.value).startswith(f"{path}:")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_dates_stay_text_and_few_aliases_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("a: &a {day: 2026-01-01, at: 2026-13-45}\nb: *a\nc: {<<: *a, day: x}\n")
    document, findings = read_document(path)
    assert findings == []
    assert document is not None
    assert document.content == {
        "a": {"day": "2026-01-01", "at": "2026-13-45"},
        "b": {"day": "2026-01-01", "at": "2026-13-45"},
        "c": {"day": "x", "at": "2026-13-45"},
    }


def test_a_tag_that_fits_its_value_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("[!!int '12', !!int 1_000, !!float 3, !!float .5, !!bool no, !!null '', !!str 010]\n")
    document, findings = read_document(path)
    assert findings == []
    assert document is not None
    assert document.content == [12, 1000, 3.0, 0.5, False, None, "010"]


def test_a_process_keeps_the_last_configurations_only(workspace: Workspace) -> None:
    office = open_office(workspace.home)
    for number in range(12):
        write(office, "sources/broken.odcs.yaml", f"# {number}\nkind: [\n")
        assert list(current_conf(office.workspace).refused_contracts) == ["broken"]
    assert len(conf_module._SOURCES) <= conf_module._KEPT
    assert len(conf_module._RECORDS) <= conf_module._KEPT


def test_a_refused_contract_keeps_nothing_but_its_findings(workspace: Workspace) -> None:
    office = open_office(workspace.home)
    write(office, "sources/broken.odcs.yaml", "kind: DataContract\n")
    refused = current_conf(office.workspace).refused_contracts["broken"]
    assert refused.findings
    assert refused.__traceback__ is None


WRONG_SHAPES = [
    ("reasons.yml", "- file\n", "reasons.yml:1: The value must be a block of keys."),
    ("reasons.yml", "file: {late: 晚}\n", "reasons.yml:1 file.late: The value must be a block of keys."),
    ("reasons.yml", "file:\n  late: {zh: 晚}\n", "reasons.yml:2 file.late.en: The key `en` is missing."),
    ("reasons.yml", "flie: {}\n", "reasons.yml:1 flie: The key `flie` is not known here. Did you mean `file`?"),
    ("retention.yml", "30\n", "retention.yml:1: The value must be a block of keys."),
    (
        "retention.yml",
        "raw_nights: 0\nrelease_nights: 1\ngrace_hours: 24\n",
        "retention.yml:1 raw_nights: `0` is too small. Write 1 or more.",
    ),
    (
        "retention.yml",
        "raw_nights: thirty\nrelease_nights: 1\ngrace_hours: 24\n",
        "retention.yml:1 raw_nights: The value must be a whole number.",
    ),
    ("authority.yml", "- police\n", "authority.yml:1: The value must be a block of keys or nothing."),
    ("authority.yml", "resident: {default: police}\n", "authority.yml:1 resident.default: The value must be a list"),
    ("authority.yml", "resident: {default: [{police: 1}]}\n", "authority.yml:1 resident.default[0]: The value must be text."),
    ("authority.yml", "resident: {default: [police, police]}\n", "resident.default: The list names something twice."),
    ("authority.yml", "resident: {default: [polise]}\n", "authority.yml: no contract declares polise"),
    ("authority.yml", "residnt: {default: [police]}\n", "authority.yml: the model has no record residnt"),
    ("model/resident.yml", "[" * 50_000, "model/resident.yml:1: The file is not valid YAML (more than 50 levels deep)"),
    ("model/resident.yml", "record: x\nkind: x\ntitle: x\ngrain: x\nkey: x\nfields: x\n", "key must be a list (line 5)"),
    ("codes/sex.csv", "code;label;synonyms\n1;男;\n", "codes/sex.csv:1: the header is not `code,label,synonyms`."),
    ("codes/sex.csv", "code,label,synonyms\n1,男,\n".encode("gbk"), "codes/sex.csv: the file is not UTF-8. Save it as CSV"),
    ("codes/sex.csv", "code,label,synonyms\n1,男,\n1,女,\n", "codes/sex.csv:3: the code 1 is given twice, first on line 2."),
    ("codes/sex.csv", "", "codes/sex.csv:1: the header is not"),
    ("codes/sex.csv", "code,label,synonyms\n1,男\0,\n", "codes/sex.csv:2: the line holds a NUL. Remove that character."),
    ("codes/sex.csv", "," * 1_000_000 + "\n", "codes/sex.csv:1: the header is not"),
    ("codes/sex.csv", "code,label,synonyms\n1,男," + "|" * 200_000 + "\n", "sex.csv:2: the line is not valid CSV (field larger"),
    ("codes/divisions.csv", "code,name,level,parent_code\n1,甲,1,\n2,乙\n", "divisions.csv:3: the row has 2 cells instead of 4"),
    ("codes/divisions.csv", "code,name,level,parent_code\n1,甲,one,\n", "codes/divisions.csv: level 'one' is none of 1, 2,"),
    ("codes/divisions.csv", "code,name,level,parent_code\n1,甲,1,2\n2,乙,2,1\n", "divisions.csv: division 1 lies below itself"),
    ("codes/divisions.csv", "code,name,level,parent_code\n1,甲,1,1\n", "codes/divisions.csv: division 1 lies below itself"),
    ("codes/division_endings.csv", "level,endings\n,市|\n", "codes/division_endings.csv: level '' is none of 1, 2,"),
    ("codes/road_names.csv", "former,present,county,until\n旧街,新街,,\n", "codes/road_names.csv:2: the county is no code"),
    ("codes/division_names.csv", "value,code,kind,until\n甲,1,nick,\n", "codes/division_names.csv: nick is no kind of a name"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "told"), WRONG_SHAPES)
def test_a_file_of_the_wrong_shape_is_told(office: Office, name: str, content: str | bytes, told: str) -> None:
    write(office, name, content)
    with pytest.raises(UserError) as refused:
        check_conf(current_conf(office.workspace))
    assert str(refused.value).startswith(f"{office.workspace.conf}/{name}")
    assert told in str(refused.value)


def test_a_byte_order_mark_is_harmless_everywhere(office: Office) -> None:
    """As spreadsheet programs and Notepad write it."""
    for name in ("match.yml", "codes/sex.csv", "codes/divisions.csv", "model/resident.yml", "sources/police.odcs.yaml"):
        shipped = current_conf(office.workspace).path(name).read_bytes()
        write(office, name, b"\xef\xbb\xbf" + shipped)
    conf = current_conf(office.workspace)
    assert conf_faults(conf) == {}
    assert conf.refused_contracts == {}


def test_a_contract_that_is_a_bomb_harms_its_source_alone(office: Office) -> None:
    write(office, "sources/police.odcs.yaml", BOMB)
    write(office, "sources/grid.odcs.yaml", "[" * 100_000)
    conf = current_conf(office.workspace)
    assert conf_faults(conf) == {}
    assert {system: error.findings[0].line for system, error in conf.refused_contracts.items()} == {
        "grid": 1,
        "police": 5,
    }
    assert "health" in conf.sources


def test_every_command_tells_a_broken_file_in_one_line_and_nothing_is_written(office: Office) -> None:
    path = write(office, "authority.yml", "[" * 100_000)
    told = f"{path}:1: The file is not valid YAML (more than 50 levels deep). Write it with fewer levels."
    before = sorted(office.workspace.home.rglob("*"))
    answer = office.run("2026-01-01")
    assert (answer.code, answer.out, answer.err) == (2, "", f"jiceng: {told}\n")
    assert {path.name for path in set(office.workspace.home.rglob("*")) - set(before)} <= {"run.lock"}
    assert [row["detail"] for row in office.status() if row["state"] == "invalid"] == [told]
    for command in (("sources", "check"), ("doctor",)):
        answer = office.jiceng(*command, "--format", "json")
        assert answer.code == 2
        assert [row["detail"] for row in rows_of(answer) if row["state"] == "error"] == [told]


def test_of_several_faults_the_first_is_told_and_how_many_there_are(office: Office) -> None:
    write(office, "match.yml", "organisation: {no_names: [1, 2]}\n")
    write(office, "retention.yml", "{}\n")
    with pytest.raises(UserError, match=r"no_names\[0\].*\(and 4 more; `jiceng sources check` names all\)"):
        check_conf(current_conf(office.workspace))


def in_place_of_a_file(path: Path) -> None:
    path.mkdir(parents=True)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")  # can be opened by everybody, and read by nobody


def huge(path: Path) -> None:
    with path.open("wb") as handle:
        handle.truncate(65_000_000)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (in_place_of_a_file, "This is a folder, where a file is wanted. Put the file in its place, or remove this."),
        (dangling, "The link leads nowhere (No such file or directory)."),
        (pipe, "This is no file."),
        (unreadable, "The file cannot be read (Input/output error)."),
        (huge, "The file has 65,000,000 bytes, and 64,000,000 are the most."),
    ],
)
@pytest.mark.parametrize("name", ["authority.yml", "codes/sex.csv", "sources/police.odcs.yaml"])
def test_what_stands_in_the_place_of_a_file_refuses_the_run(
    office: Office, name: str, make: Callable[[Path], None], told: str
) -> None:
    path = office.workspace.conf / name
    path.parent.mkdir(exist_ok=True)
    make(path)
    answer = office.run("2026-01-01")
    assert answer.code == 2
    assert answer.err.startswith(f"jiceng: {path}: {told}")
    assert answer.err.count("\n") == 1


def test_a_folder_of_conf_that_is_a_link_is_told(office: Office, tmp_path: Path) -> None:
    """Its contracts are not read, and nobody is to believe that they are."""
    (tmp_path / "shared").mkdir()
    (office.workspace.conf / "sources").rmdir()
    (office.workspace.conf / "sources").symlink_to(tmp_path / "shared")
    assert faults(office.workspace) == [
        f"{office.workspace.conf}/sources: Links to folders are not followed. Put the file in its place, or remove this."
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"match.yaml", "match.yaml: No file of this name is read. Did you mean match.yml?"),
        (b"sources/police.yaml", "police.yaml: No file of this name is read. Those of conf/sources end in .odcs.yaml."),
        (b"codes/sex.CSV", "sex.CSV: No file of this name is read. Those of conf/codes end in .csv."),
        ("codes/代码.csv".encode("gbk"), "代码.csv: No file of such a name is read."),
        (b"codes/a\nb.csv", "a\\x0ab.csv: No file of such a name is read."),
        (b"sources/\x1b[2Jx.odcs.yaml", "\\x1b[2Jx.odcs.yaml: No file of such a name is read."),
    ],
)
def test_a_file_that_nobody_reads_is_told_and_harms_nothing(office: Office, name: bytes, told: str) -> None:
    (office.workspace.conf / "codes").mkdir()
    (Path(os.fsdecode(os.fsencode(office.workspace.conf) + b"/" + name))).write_text("x")
    conf = current_conf(office.workspace)
    check_conf(conf)
    assert [told in str(stray) for stray in conf.unread] == [True]


def test_a_file_that_nobody_reads_is_a_warning(office: Office) -> None:
    write(office, "match.yaml", "x")
    assert [row["state"] for row in office.status() if row["what"] == "configuration"] == ["not read"]
    answer = office.jiceng("sources", "check", "--format", "json")
    assert answer.code == 0
    assert [row["state"] for row in rows_of(answer) if row["system"] is None] == ["warning"]


def test_a_fault_of_an_archived_copy_names_the_file_of_the_steward(workspace: Workspace) -> None:
    """Newer code may refuse what an older one took over into the archive."""
    (workspace.conf / "match.yml").write_text("organisation: {no_names: [无]}\n")
    conf = take_snapshot(workspace)
    taken = conf.hash
    conf.files["match.yml"].write_text("organisation: {}\n")
    with pytest.raises(ConfError, match=f"^{workspace.conf}/match.yml:1 organisation.no_names: "):
        snapshot_conf(workspace, taken).yaml("match.yml")


def test_reasons_that_a_workspace_leaves_out_are_the_repositorys(workspace: Workspace) -> None:
    """A file of an older version knows fewer codes than the code asks for."""
    (workspace.conf / "reasons.yml").write_text("file:\n  late: {zh: 晚, en: Late}\n")
    reasons = current_conf(workspace).reasons
    assert reasons["file"]["late"] == {"zh": "晚", "en": "Late"}
    assert reasons["row"]["ragged_row"]["en"] == "The row has more or fewer cells than the header"


def test_a_document_is_no_configuration(office: Office) -> None:
    """What people read beside the files changes no night, and nobody is told that it is not read."""
    before = current_conf(office.workspace).hash
    for name in ("README.md", "sources/README.md", "codes/notes.md"):
        write(office, name, "# What these files are for\n")
    (office.workspace.home / "expectations").mkdir(exist_ok=True)
    (office.workspace.home / "expectations" / "README.md").write_text("# What these rules are for\n")
    conf = take_snapshot(office.workspace)
    assert (conf.hash, conf.unread) == (before, ())
    assert list((office.workspace.archive / "conf").rglob("*.md")) == []


def test_an_archived_copy_that_holds_a_document_is_still_what_it_was(workspace: Workspace) -> None:
    """Earlier versions took documents over into the archive, and counted them."""
    folder = workspace.archive / "conf" / "earlier"
    folder.mkdir(parents=True)
    (folder / "retention.yml").write_text("raw_nights: 30\n")
    without = snapshot_conf(workspace, "earlier").hash
    (folder / "SOURCES.md").write_text("# Sources\n")
    with_document = snapshot_conf(workspace, "earlier")
    assert set(with_document.files) == {"retention.yml", "SOURCES.md"}
    assert with_document.hash != without
