"""JSON files that processes leave to each other."""

from pathlib import Path

from jobs.common.base.json_file import read_json, write_json


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "summary.json"
    write_json(path, {"systems": ["民政"]})
    assert read_json(path) == {"systems": ["民政"]}
    assert [each.name for each in path.parent.iterdir()] == ["summary.json"]


def test_a_file_replaces_the_one_before(tmp_path: Path) -> None:
    for number in (1, 2):
        write_json(tmp_path / "plan.json", {"number": number})
    assert read_json(tmp_path / "plan.json") == {"number": 2}


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "plan.json") is None
