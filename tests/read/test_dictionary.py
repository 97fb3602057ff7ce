"""`jiceng dictionary`: what the released tables hold, as rows, as a page and as contracts of our own."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from jobs.common.base.workspace import REPOSITORY_CONF, Workspace, init_workspace
from jobs.common.lake.schemas import declared_tables
from jobs.common.model.codes import load_codes
from jobs.common.model.records import table_fields
from jobs.common.run.conf import current_conf
from tests.support.office import rows_of
from tests.support.town import jiceng

pytestmark = pytest.mark.nights

NO_WORKSPACE = Path("/nonexistent")


def test_every_column_of_every_released_table_is_described() -> None:
    conf = current_conf(Workspace(NO_WORKSPACE))
    tables = declared_tables(conf.sources, conf.tables)
    rows = rows_of(jiceng("dictionary", "--format", "json", "--home", NO_WORKSPACE))
    described = [(row["table"], row["column"], row["type"], row["level"], row["key"]) for row in rows]
    assert described == [
        (name, column.name, column.type, column.level, column.name in tables[f"refined.{name}"].key)
        for name in conf.tables
        for column in tables[f"refined.{name}"].columns
    ]
    assert [row for row in rows if not (row["zh"] and row["en"])] == []


def test_one_table_is_told_by_its_name_and_a_wrong_name_by_the_nearest() -> None:
    rows = rows_of(jiceng("dictionary", "refined.relation", "--format", "json", "--home", NO_WORKSPACE))
    assert {row["table"] for row in rows} == {"relation"}
    assert [row["column"] for row in rows if row["key"]] == ["relation_code", "from_id", "to_id"]
    answer = jiceng("dictionary", "relations", "--home", NO_WORKSPACE)
    assert answer.code == 2
    assert "relation" in answer.err


class _Page(HTMLParser):
    """Anchors and links of a page, and what it would fetch from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given["id"]} if given.get("id") else set()
        if tag == "a":
            self.links.add(given["href"] or "")
        if tag in ("script", "link", "img") or "src" in given:
            self.fetched.append(tag)


@pytest.mark.parametrize("tables", [(), ("household",)])
def test_the_page_stands_alone_and_its_links_lead_somewhere(tmp_path: Path, tables: tuple[str, ...]) -> None:
    path = tmp_path / "dictionary.html"
    assert jiceng("dictionary", *tables, "--html", path, "--home", NO_WORKSPACE).code == 0
    page = _Page(path.read_text(encoding="utf-8"))
    assert page.fetched == []
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert page.links >= ({"#codes-divisions"} if tables else {"#resident", "#codes-sex", "#codes-industry"})


def test_a_column_names_its_list_and_the_table_it_refers_to() -> None:
    answer = jiceng("dictionary", "household", "--format", "csv", "--home", NO_WORKSPACE)
    assert answer.out.splitlines()[4:7] == [
        "household,division_code,false,string,2,divisions (3417),,false,行政区划代码,administrative division (12 digits)",
        "household,dwelling_id,false,string,2,,dwelling.entity_id,false,所住房屋,dwelling of the address",
        "household,head_id,false,string,2,,resident.entity_id,false,户主,resident who heads the household",
    ]


def test_the_page_has_every_code_and_meaning(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.html"
    assert jiceng("dictionary", "resident_status", "--html", path, "--home", NO_WORKSPACE).code == 0
    text = path.read_text(encoding="utf-8")
    for field in table_fields(current_conf(Workspace(NO_WORKSPACE)).records["resident_status"]):
        assert f"<code>{field.name}</code>" in text
        assert f'{field.zh}<span class="en">{field.en}</span>' in text
    for code, label, _ in load_codes(REPOSITORY_CONF / "codes/status.csv"):
        assert f"<li><code>{code}</code>{label}</li>" in text
    assert 'id="codes-sex"' not in text  # of another table


def test_a_steward_s_words_are_escaped(tmp_path: Path) -> None:
    """Code lists and meanings are files that anybody may edit."""
    home = init_workspace(tmp_path / "workspace").home
    (home / "conf/codes").mkdir(parents=True, exist_ok=True)
    (home / "conf/codes/sex.csv").write_text("code,label,synonyms\n1,<b>男</b>&,\n", encoding="utf-8")
    path = tmp_path / "dictionary.html"
    assert jiceng("dictionary", "resident", "--html", path, "--home", home).code == 0
    assert "<li><code>1</code>&lt;b&gt;男&lt;/b&gt;&amp;</li>" in path.read_text(encoding="utf-8")


def test_a_contract_spells_out_short_lists_and_where_ids_lead(tmp_path: Path) -> None:
    assert jiceng("dictionary", "--odcs", tmp_path, "--home", NO_WORKSPACE).code == 0
    contracts = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert sorted(contracts) == [f"{name}.odcs.yaml" for name in sorted(current_conf(Workspace(NO_WORKSPACE)).tables)]
    columns = {p["name"]: p for p in contracts["resident.odcs.yaml"]["schema"][0]["properties"]}
    assert columns["sex_code"]["enum"] == [
        {"value": "0", "label": "未知性别"}, {"value": "1", "label": "男"}, {"value": "2", "label": "女"},
        {"value": "9", "label": "未说明"},
    ]  # fmt: skip
    assert "enum" not in columns["division_code"]
    assert columns["dwelling_id"]["relationships"] == [{"type": "foreignKey", "to": "dwelling.entity_id"}]
    assert contracts["resident.odcs.yaml"]["servers"] == [
        {"server": "workspace", "type": "local", "path": "lake/refined/resident", "format": "delta"}
    ]


@pytest.mark.parametrize("record", ["resident", "relation", "appeal"])
def test_the_contracts_of_our_tables_are_read_by_the_standard_s_own_library(tmp_path: Path, record: str) -> None:
    assert jiceng("dictionary", record, "--odcs", tmp_path, "--home", NO_WORKSPACE).code == 0
    [path] = tmp_path.iterdir()
    contract = OpenDataContractStandard.from_file(str(path))
    [table] = contract.schema_
    conf = current_conf(Workspace(NO_WORKSPACE))
    declared = declared_tables(conf.sources, conf.tables)[f"refined.{record}"]
    told = [(p.name, p.physicalType, p.required, p.classification) for p in table.properties]
    assert told == [(c.name, c.type, c.required, str(c.level)) for c in declared.columns]
    keys = {p.primaryKeyPosition: p.name for p in table.properties if p.primaryKey}
    assert [keys[place] for place in sorted(keys)] == list(declared.key)
