"""The page that `jiceng dictionary --html` writes: one file, readable on a screen and in print, in Chinese and English."""

from collections.abc import Mapping, Sequence
from html import escape

from jobs.common.model.codes import Code
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ENDS, KINDS, ModelField
from jobs.common.model.types.semantic_type import SQL_TYPES

LEVELS = {
    1: ("公开", "open"),
    2: ("内部", "internal"),
    3: ("个人信息", "personal"),
    4: ("敏感个人信息", "sensitive personal"),
}
_MANY = 200  # codes of a list from which on it is closed on the screen and left out of print

_FRAME = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>数据字典 Data dictionary</title>
<style>
:root { --ink: #1b2430; --soft: #5d6b7a; --line: #dde3ea; --wash: #f5f7fa; --link: #0b5394; --mark: #b3402a; }
* { box-sizing: border-box; }
html { font-size: 16px; }
body { margin: 0; color: var(--ink); background: #fff; font: .94rem/1.6 "Noto Sans CJK SC", "Noto Sans SC",
  "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 2rem 4rem; }
header { border-bottom: 3px solid var(--ink); padding-bottom: 1rem; margin-bottom: 1.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; font-weight: 700; }
h1 small, h2 small { font-weight: 400; color: var(--soft); }
h1 small { font-size: 1.3rem; margin-left: .6rem; }
h2 { font-size: 1.35rem; margin: 0; line-height: 1.3; }
h2 small { font-size: 1rem; margin-left: .5rem; }
h2 code { font-size: 1rem; color: var(--mark); margin-left: .6rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: .2rem 0 .8rem; }
.soft, .en { color: var(--soft); }
.en { display: block; font-size: .86em; line-height: 1.45; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code { font-family: ui-monospace, "SFMono-Regular", Consolas, "Noto Sans Mono CJK SC", monospace; font-size: .92em; }
section { margin-top: 3rem; scroll-margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; margin-top: .8rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .8rem .5rem 0; border-bottom: 1px solid var(--line); }
th { font-size: .82rem; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); white-space: nowrap; }
td.name { white-space: nowrap; }
.fields { table-layout: fixed; }
.fields th:nth-child(1) { width: 24%; } .fields th:nth-child(3) { width: 13%; } .fields th:nth-child(4) { width: 16%; }
.fields th:nth-child(5) { width: 13%; }
.key { font-size: .72rem; color: var(--mark); border: 1px solid currentColor; border-radius: 3px; padding: 0 .3rem;
  margin-left: .4rem; vertical-align: 1px; }
.level { display: inline-block; white-space: nowrap; border-radius: 1rem; padding: 0 .65rem; font-size: .8rem; line-height: 1.55;
  border: 1px solid transparent; }
.l1 { background: #e3f3e6; color: #1e5c2f; border-color: #bfe0c7; }
.l2 { background: #e3edfa; color: #1d4a80; border-color: #bfd5f0; }
.l3 { background: #fdf0d2; color: #74520b; border-color: #efd79c; }
.l4 { background: #fbe0dc; color: #8c2416; border-color: #f0b9b0; }
.levels { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; padding: 0; margin: .4rem 0 0; font-size: .9rem; }
.lists { columns: 21rem; column-gap: 2.4rem; margin-top: 1rem; }
.list { break-inside: avoid; scroll-margin-top: 1rem; margin-bottom: 1.8rem; }
.codes { list-style: none; margin: .3rem 0 0; padding: 0; font-size: .88rem; columns: 9.5rem; column-gap: 1.2rem; }
.codes li { break-inside: avoid; padding-left: 3.2rem; text-indent: -3.2rem; }
.codes code { display: inline-block; min-width: 2.7rem; margin-right: .5rem; text-indent: 0; color: var(--soft); }
.wide { columns: 17rem; }
.long .codes { columns: 21rem; }
.long .codes li, .wide li { padding-left: 1.2rem; text-indent: -1.2rem; }
summary { cursor: pointer; color: var(--link); }
.print { display: none; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; font-size: .82rem; color: var(--soft); }
@media (max-width: 46rem) { main { padding: 1.2rem; } .scroll { overflow-x: auto; } .scroll table { min-width: 44rem; } }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  html { font-size: 11px; }
  body { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { margin-top: 2rem; }
  h2 { break-after: avoid; } .intro { break-after: avoid; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
  a { color: inherit; }
  .lists { columns: 2; column-gap: 2rem; } .list { margin-bottom: 1.2rem; }
  details > * { display: none; } .print { display: block; }
}
</style>
</head>
<body><main>
"""


def write_page(tables: Sequence[ModelTable], lists: Mapping[str, Sequence[Code]], version: str) -> str:
    """The whole page: an overview, a table for each released table, and the code lists.

    Args:
        tables: those to tell of.
        lists: codes of the lists they use, by name.
        version: what the page was made from.
    """
    # Entities first, then what is told of them.
    tables = sorted(tables, key=lambda table: list(KINDS).index(table.kind) if table.kind else len(KINDS))
    columns = sum(len(table.columns) for table in tables)
    counts = f"{len(tables)} 张表 · {columns} 个字段 · {len(lists)} 份代码表"
    english = f"{len(tables)} released tables, {columns} columns, {len(lists)} code lists"
    levels = "".join(
        f'<li><span class="level l{level}">{level} {zh}</span> <span class="soft">{en}</span></li>'
        for level, (zh, en) in LEVELS.items()
    )
    parts = [
        _FRAME,
        "<header><h1>数据字典<small>Data dictionary</small></h1>",
        f'<div>{counts}<span class="en">{english}</span></div><ul class="levels">{levels}</ul></header>',
        _overview(tables),
        *(_table(table, {other.name for other in tables}) for table in tables),
        _code_lists(lists),
        f"<footer>{escape(version)}</footer>",
        "</main></body>\n</html>\n",
    ]
    return "\n".join(parts)


def _overview(tables: Sequence[ModelTable]) -> str:
    rows = "\n".join(
        f'<tr><td class="name"><a href="#{table.name}"><code>{table.name}</code></a></td>'
        f"<td>{_both(table.title_zh, table.title)}</td><td>{_both(table.grain_zh, table.grain)}</td>"
        f'<td class="name">{"<br>".join(f"<code>{escape(name)}</code>" for name in table.key)}</td>'
        f"<td>{len(table.columns)}</td><td>{_level(max(f.level for f in table.columns))}</td></tr>"
        for table in tables
    )
    return (
        '<div class="scroll"><table><thead><tr><th>表 table</th><th>名称 name</th><th>一行是什么 a row is</th><th>主键 key</th>'
        f"<th>字段数 columns</th><th>最高分级 highest level</th></tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _table(table: ModelTable, shown: set[str]) -> str:
    fields = table.columns
    rows = "\n".join(_row(table, field, shown) for field in fields)
    return (
        f'<section id="{table.name}"><h2>{escape(table.title_zh)}<small>{escape(table.title)}</small>'
        f'<code>{table.name}</code></h2><p class="intro">{escape(table.grain_zh)}'
        f' <span class="soft">· {escape(table.grain)}</span></p>'
        '<div class="scroll"><table class="fields"><thead><tr><th>字段 column</th><th>含义 meaning</th><th>类型 type</th>'
        f"<th>取值 values</th><th>分级 level</th></tr></thead><tbody>\n{rows}\n</tbody></table></div></section>"
    )


def _row(table: ModelTable, field: ModelField, shown: set[str]) -> str:
    key = '<span class="key">主键 key</span>' if field.name in table.key else ""
    return (
        f'<tr><td class="name"><code>{field.name}</code>{key}</td><td>{_both(field.zh, field.en)}</td>'
        f"<td>{_both(SQL_TYPES[field.sql_type][1], field.sql_type)}</td><td>{_values(table, field, shown)}</td>"
        f"<td>{_level(field.level)}</td></tr>"
    )


def _values(table: ModelTable, field: ModelField, shown: set[str]) -> str:
    """Where the values of a field come from: a code list, another table; and whether there always is one."""
    told = []
    name = list_of(field)
    if name:
        told.append(f'<a href="#codes-{name}">代码表 {name}</a>')
    if field.refers:
        told.append(_target(field.refers, shown))
    if table.has_pairs and field.name in ENDS and field.name.endswith("_id"):
        told.append(_both("该类别的主体", "entity of that kind"))
    if field.required:
        told.append(_both("必填", "never null"))
    return "".join(f"<div>{part}</div>" for part in told)


def _target(refers: str, shown: set[str]) -> str:
    """What a field refers to, with a link if its table is on the page."""
    name = refers.partition(".")[0]
    words = f"{KINDS[name]} {name}" if name in KINDS else refers
    return f'<a href="#{name}">{words}</a>' if name in shown else words


def _code_lists(lists: Mapping[str, Sequence[Code]]) -> str:
    if not lists:
        return ""
    short = [_code_list(name, codes) for name, codes in lists.items() if len(codes) <= _MANY]
    long = [_code_list(name, codes) for name, codes in lists.items() if len(codes) > _MANY]
    return (
        '<section id="codes"><h2>代码表<small>Code lists</small></h2><p class="intro soft">表中存代码；来源系统写的同义词见 '
        "conf/codes/。 Tables hold the codes; what systems write instead stands in conf/codes/.</p>"
        f'<div class="lists">{"".join(short)}</div>{"".join(long)}</section>'
    )


def _code_list(name: str, codes: Sequence[Code]) -> str:
    items = "".join(f"<li><code>{escape(code)}</code>{escape(label)}</li>" for code, label, _ in codes)
    head = f'<h3><code>{escape(name)}</code> <span class="soft">{len(codes):,} 个代码 codes</span></h3>'
    if len(codes) > _MANY:
        note = '<span class="print soft">代码较多，不打印 Too long to print</span>'
        body = f'<details><summary>展开 Show</summary><ul class="codes">{items}</ul></details>{note}'
        return f'<div class="list long" id="codes-{escape(name)}">{head}{body}</div>'
    is_wide = any(len(label) > 8 or len(code) > 5 for code, label, _ in codes)
    style = "codes wide" if is_wide else "codes"
    return f'<div class="list" id="codes-{escape(name)}">{head}<ul class="{style}">{items}</ul></div>'


def list_of(field: ModelField) -> str | None:
    """The code list of a field: divisions are one as well."""
    return next(iter(field.code_lists), None)


def _both(zh: str, en: str) -> str:
    return f'{escape(zh)}<span class="en">{escape(en)}</span>'


def _level(level: int) -> str:
    zh, en = LEVELS[level]
    return f'<span class="level l{level}" title="{en}">{level} {zh}</span>'
