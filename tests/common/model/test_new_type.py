"""A new semantic type is one module, its line in `TYPES`, its sentences and its cases: proven in a copy of the repository.

The copy learns vehicle plates. A workspace's model and contract then use them, without a change to any other module.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.constants import REPOSITORY

MODULE = '''"""Plates of vehicles: province, letter of the city, five or six letters and digits. Source: GA 36-2018."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import code_key
from jobs.common.model.types.semantic_type import SemanticType, unreadable, value

_PLATE = "^[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][0-9A-HJ-NP-Z]{5,6}$"


def is_valid_plate(plate: Column) -> Column:
    return F.coalesce(plate.rlike(_PLATE), F.lit(False))


def clean_plate(plain: Column) -> Column:
    bare = F.regexp_replace(plain, "[·.-]", "")
    return F.when(is_valid_plate(bare), bare)


TYPE = SemanticType(
    name="plate",
    sql="string",
    plain=(code_key,),
    clean=(value(clean_plate),),
    doubt=unreadable("plate_unreadable"),
    doubts=("plate_unreadable",),
    is_valid=is_valid_plate,
)
'''
SENTENCES = "  plate_unreadable: {zh: 车牌号无法识别, en: The plate cannot be read}\n"
CASES = """TYPE_CASES["plate"] = [
    ("苏A12345", "苏A12345", None),
    (" 苏a·１２３４５", "苏A12345", None),
    ("苏AD12345", "苏AD12345", None),
    ("苏A1234", None, "plate_unreadable"),
    ("A12345", None, "plate_unreadable"),
]
"""
MODEL = """record: vehicle
kind: null
title: {zh: 车辆, en: vehicles}
grain: {zh: 每辆车一行, en: one row per vehicle}
key: [system, number]
fields:
  - {name: number, type: number, level: 1, zh: 登记编号, en: number of the register}
  - {name: plate, type: plate, level: 3, zh: 车牌号, en: plate}
"""
CONTRACT = """apiVersion: v3.2.0
kind: DataContract
id: traffic
version: 1.0.0
status: active
customProperties:
  - {property: expected, value: occasional}
servers:
  - server: vehicle
    type: custom
    customProperties:
      - {property: path, value: "*.csv"}
      - {property: mode, value: snapshot}
schema:
  - name: vehicle
    properties:
      - {name: number, physicalName: 编号, classification: "1", primaryKey: true, required: true,
         customProperties: [{property: feeds, value: vehicle.number}]}
      - {name: plate, physicalName: 车牌, classification: "3", required: true,
         customProperties: [{property: feeds, value: vehicle.plate}]}
"""
USE = f'''"""A workspace's model and contract use plates; harmonise, audit and dictionary know them."""

from pyspark.sql import functions as F

from jobs.audit.flags import add_flags
from jobs.common.model.model_table import table_of
from jobs.common.run.conf import take_snapshot
from jobs.harmonise.records import clean_records, list_issues, record_texts
from jobs.read.dictionary import dictionary_rows

MODEL = """{MODEL}"""
CONTRACT = """{CONTRACT}"""
ROWS = [("1", 2, "1", "苏A·12345"), ("2", 3, "2", "没有车"), ("3", 4, "3", "")]


def test_plate_is_used(spark, workspace):
    for name, text in (("model/vehicle.yml", MODEL), ("sources/traffic.odcs.yaml", CONTRACT)):
        (workspace.conf / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.conf / name).write_text(text, encoding="utf-8")
    conf = take_snapshot(workspace)
    assert not conf.refused_contracts
    record, (obj,) = conf.records["vehicle"], conf.sources["traffic"].objects

    frame = spark.createDataFrame(ROWS, "source_key string, row_number bigint, number string, plate string")
    place = dict(system="traffic", object="vehicle", sheet="", role="person", file_id="f", row_hash="")
    frame = frame.withColumns({{name: F.lit(value) for name, value in place.items()}})
    cleaned = clean_records(record_texts(frame, record, obj, "person"), record, conf)
    assert {{(row["number"], row["plate"]) for row in cleaned.collect()}} == {{("1", "苏A12345"), ("2", None), ("3", None)}}
    issues = list_issues(cleaned, record).select("row_number", "field", "code", "raw").collect()
    assert {{tuple(row) for row in issues}} == {{
        (3, "plate", "plate_unreadable", "没有车"), (4, "plate", "required_empty", ""),
    }}

    candidate = spark.createDataFrame([("苏A12345",), ("苏A1",), (None,)], "plate string")
    nobody = spark.createDataFrame([], "kind string, entity_id string")
    flagged = add_flags(candidate, table_of(record), nobody, conf, {{}}).collect()
    assert {{(row["plate"], row["plate_is_valid"]) for row in flagged}} == {{
        ("苏A12345", True), ("苏A1", False), (None, None),
    }}
    (told,) = [row for row in dictionary_rows(conf, "vehicle") if row["column"] == "plate"]
    assert (told["type"], told["level"]) == ("string", 3)
'''


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the repository with the module and its line, and with nothing else of the type."""
    ignored = shutil.ignore_patterns("__pycache__", "pictures", "*.pyc")
    for name in ("jobs", "conf", "expectations", "tests"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    types = tmp_path / "jobs/common/model/types"
    (types / "plate.py").write_text(MODULE, encoding="utf-8")
    gathered = (types / "__init__.py").read_text("utf-8")
    gathered = gathered.replace("    phone,\n", "    phone,\n    plate,\n", 1)
    gathered = gathered.replace("    phone.TYPE,\n", "    phone.TYPE,\n    plate.TYPE,\n", 1)
    (types / "__init__.py").write_text(gathered, encoding="utf-8")
    return tmp_path


def run_tests(copy: Path, *which: str) -> str:
    """What pytest says in the copy, whose own modules are imported."""
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *which]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    answer = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return answer.stdout + answer.stderr


def test_type_without_cases_and_sentences_fails(copied: Path) -> None:
    answer = run_tests(copied, "tests/common/model/test_types.py", "-k", "sentence and plate or unique")
    assert "FAILED tests/common/model/test_types.py::test_doubts_have_a_sentence_in_both_languages[plate]" in answer, (
        answer
    )
    assert "FAILED tests/common/model/test_types.py::test_names_and_parameters_are_unique" in answer, answer


def test_new_type_is_one_module_with_its_line_sentences_and_cases(copied: Path) -> None:
    cases = copied / "tests/support/type_cases.py"
    cases.write_text(cases.read_text("utf-8") + CASES, encoding="utf-8")
    reasons = copied / "conf/reasons.yml"
    text = reasons.read_text("utf-8").replace("  phone_unreadable:", SENTENCES + "  phone_unreadable:", 1)
    reasons.write_text(text, encoding="utf-8")
    (copied / "tests/common/model/test_plate.py").write_text(USE, encoding="utf-8")

    answer = run_tests(
        copied,
        "tests/common/model/test_types.py",
        "tests/common/model/test_plate.py",
        "-k",
        "plate or unique or parity",
    )

    assert "FAILED" not in answer, answer
    for shown in (
        "test_cases_give_the_expected_table[plate]",
        "test_values_of_cases_are_valid_and_wrong_texts_are_not[plate]",
    ):
        assert f"PASSED tests/common/model/test_types.py::{shown}" in answer, answer
    assert "PASSED tests/common/model/test_plate.py::test_plate_is_used" in answer, answer
