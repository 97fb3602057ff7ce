"""Passwords in conf/: `sources check` names them, the run goes on without their source, and the archive never holds one."""

from pathlib import Path

import pytest

from jobs.common.run.conf import current_conf, snapshot_conf, take_snapshot
from jobs.common.run.conf_check import conf_faults
from tests.support.office import Office, open_office, rows_of, simple_contract

CANARY = "canary-4711"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "workspace")


def archived(office: Office) -> str:
    files = [path for path in (office.workspace.archive / "conf").rglob("*") if path.is_file()]
    return "".join(path.read_text(encoding="utf-8") for path in files)


def with_password(system: str) -> str:
    return simple_contract(system) + f"description: {{purpose: 'x://desk:{CANARY}@10.0.0.5/x'}}\n"


def test_a_contract_with_a_password_is_refused_alone_by_its_line(office: Office) -> None:
    office.declare("desk", with_password("desk"))
    office.declare("walk", simple_contract("walk"))
    conf = current_conf(office.workspace)
    assert "walk" in conf.sources
    [finding] = conf.refused_contracts["desk"].findings
    assert (finding.file, finding.key) == ("desk.odcs.yaml", "description.purpose")
    assert finding.line == with_password("desk").count("\n")
    answer = office.jiceng("sources", "check", "--format", "json")
    assert answer.code == 2
    [told] = [row["detail"] for row in rows_of(answer) if row["system"] == "desk"]
    assert told == str(finding)
    assert CANARY not in answer.out + answer.err


def test_the_archive_keeps_a_line_in_its_place_and_the_same_hash(office: Office) -> None:
    office.declare("desk", with_password("desk"))
    current = current_conf(office.workspace)
    snapshot = take_snapshot(office.workspace)
    assert snapshot.hash == current.hash
    assert snapshot_conf(office.workspace, current.hash).hash == current.hash
    assert "canary" not in archived(office)
    [finding] = snapshot.refused_contracts["desk"].findings
    assert "looks like a password, so this run has not read it. `jiceng sources check` names the line" in str(finding)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("retention.yml", f"raw_nights: 30\nrelease_nights: 1\ngrace_hours: 24\npassword: {CANARY}\n"),
        ("codes/sex.csv", f"code,label,synonyms\n1,男,https://a:{CANARY}@b\n"),
        ("model/x.yml", f"title: password={CANARY}\n"),
        ("notes.txt", f"\n密码: {CANARY}\n"),
    ],
)
def test_another_file_with_a_password_refuses_the_run_by_its_line(office: Office, name: str, content: str) -> None:
    path = office.workspace.conf / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    [told] = conf_faults(current_conf(office.workspace))
    assert told.startswith(f"{path}:")
    assert "looks like a password" in told
    answer = office.run("2026-01-01")
    assert answer.code == 2
    assert CANARY not in told + answer.out + answer.err + archived(office)


@pytest.mark.parametrize("name", ["secrets.toml", "sources/police.key", "server.pem", ".env", "sources/.env"])
def test_a_file_of_keys_is_told_and_not_archived(office: Office, name: str) -> None:
    path = office.workspace.conf / name
    path.write_text(f'POLICE_DB = "{CANARY}"\n')
    conf = current_conf(office.workspace)
    [told] = [str(stray) for stray in conf.unread]
    assert told.startswith(
        f"{path}: A file of keys or passwords. It is not read here and not archived. Move it out of conf/"
    )
    take_snapshot(office.workspace)
    assert CANARY not in archived(office)


def test_the_secrets_of_the_workspace_lie_outside_of_what_is_archived(office: Office) -> None:
    path = office.workspace.home / "secrets.toml"
    path.write_text(f'POLICE_DB = "{CANARY}"\n')
    take_snapshot(office.workspace)
    assert CANARY not in archived(office)
