"""Streets that were renamed: what the list says, and which rows are refused."""

from pathlib import Path

import pytest

from jobs.common.base.errors import UserError
from jobs.common.model.road_names import RenamedRoad, load_road_names
from tests.support.constants import REPOSITORY

HEADER = "former,present,county,until\n"


def written(folder: Path, rows: str) -> Path:
    path = folder / "road_names.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_streets_are_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "旧街,新街,320102,2019\n老巷,新巷,320102,2019-05-01\n旧街,新路,320104,\n")
    assert load_road_names(path) == [
        RenamedRoad("旧街", "新街", "320102"),
        RenamedRoad("老巷", "新巷", "320102"),
        RenamedRoad("旧街", "新路", "320104"),
    ]


FAULTS = {
    "旧街,新街,320102\n": ":2: the row has 3 cells instead of 4",
    ",新街,320102,\n": ":2: the former name is empty",
    "旧街,,320102,\n": ":2: the present name is empty",
    "旧街,旧街,320102,\n": ":2: the former name is the present one",
    "旧街,新街,320102002001,\n": ":2: the county is no code of six digits",
    "旧街,新街,玄武区,\n": ":2: the county is no code of six digits",
    "旧街,新街,320102,last year\n": ":2: `until` is no year and no day",
    "旧街,新街,320102,2019-13-01\n": ":2: `until` is no year and no day",
    "旧街,新街,320102,\n旧街,新路,320102,\n": ":3: the street is renamed on line 2 already",
    "旧街,新街,320102,\n新街,大街,320102,\n": ":3: the name is the present one of another row",
}


@pytest.mark.parametrize("rows", FAULTS)
def test_faulty_rows_are_refused_by_line(tmp_path: Path, rows: str) -> None:
    with pytest.raises(UserError) as told:
        load_road_names(written(tmp_path, rows))
    assert f"road_names.csv{FAULTS[rows]}" in str(told.value)


def test_another_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "road_names.csv"
    path.write_text("old,new\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"road_names.csv:1: the header is not"):
        load_road_names(path)


def test_no_street_is_shipped() -> None:
    assert load_road_names(REPOSITORY / "conf" / "codes" / "road_names.csv") == []
