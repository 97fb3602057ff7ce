"""Contracts that tests write: one object whose columns are said one by one."""

from collections.abc import Sequence

NUMBER = '{name: num, physicalName: 编号, classification: "1", required: true, primaryKey: true}'


def contract(system: str, path: str, columns: Sequence[str], name: str = "list") -> str:
    """A contract of one object whose columns are properties in YAML; a snapshot of each day."""
    listed = "\n".join(f"      - {column}" for column in columns)
    return f"""apiVersion: v3.2.0
kind: DataContract
id: {system}
version: 1.0.0
status: active
customProperties:
  - {{property: expected, value: occasional}}
servers:
  - server: {name}
    type: custom
    format: csv
    customProperties:
      - {{property: path, value: "{path}"}}
      - {{property: mode, value: snapshot}}
      - {{property: as_of, value: '_(\\d{{8}})'}}
schema:
  - name: {name}
    properties:
{listed}
"""


def column(name: str, header: str, feeds: str, level: int = 3, more: str = "") -> str:
    fed = f"customProperties: [{{property: feeds, value: {feeds}}}{more}]"
    return f'{{name: {name}, physicalName: {header}, classification: "{level}", {fed}}}'


def people_contract(settings: str = "") -> str:
    """People with an employer; `settings` are properties of the employer's column."""
    columns = [
        NUMBER,
        column("person", "姓名", "resident.name"),
        column("phone", "电话", "resident.phone"),
        column("emp", "单位", "organisation@employer.name", more=f", {settings}" if settings else ""),
        column("ea", "单位地址", "organisation@employer.address"),
    ]
    return contract("list", "*.csv", columns)
