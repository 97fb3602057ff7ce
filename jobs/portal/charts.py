"""Charts as SVG inside the page, drawn by pygal; colours and fonts are the page's, and nothing is loaded or run."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

_PLAIN: dict[str, Any] = {
    "js": [],
    "show_legend": False,
    "explicit_size": True,
    "no_data_text": "",
    "classes": ["chart"],
}
_BARE = _PLAIN | {
    "show_x_labels": False,
    "show_y_labels": False,
    "show_y_guides": False,
    "margin": 1,
    "spacing": 0,
}


def stacked_bars(
    labels: Sequence[str], series: Mapping[str, Sequence[float | None]], width: int, height: int, unit: str
) -> Markup:
    """A bar for each label, made of one part for each series, with both axes."""
    chart = pygal.StackedBar(
        width=width, height=height, margin=4, spacing=6, y_labels_major_count=3, show_minor_y_labels=False,
        x_labels_major_count=min(len(labels), 8), show_minor_x_labels=False, truncate_label=-1, **_PLAIN,
    )  # fmt: skip
    chart.x_labels = list(labels)
    chart.value_formatter = lambda value: f"{value:,.3g} {unit}"
    for name, values in series.items():
        chart.add(name, list(values))
    return _inline(chart, list(series))


def bars(labels: Sequence[str], values: Sequence[float | None], width: int = 190, height: int = 34) -> Markup:
    """A small bar for each label, from zero, without axes."""
    highest = max([1, *filter(None, values)])
    chart = pygal.Bar(width=width, height=height, range=(0, highest), **_BARE)
    chart.x_labels = list(labels)
    chart.value_formatter = lambda value: f"{value:,}"
    chart.add("", list(values))
    return _inline(chart)


def line(labels: Sequence[str], values: Sequence[float | None], width: int = 150, height: int = 34) -> Markup:
    """A small line through the values, without axes."""
    chart = pygal.Line(width=width, height=height, dots_size=1.6, **_BARE)
    chart.x_labels = list(labels)
    chart.value_formatter = lambda value: f"{value:,.6g}"
    chart.add("", list(values))
    return _inline(chart)


def _inline(chart: Any, names: Sequence[str] = ()) -> Markup:
    """The drawing without pygal's own script and style sheet, each mark with what it stands for as its title."""
    root = chart.render_tree()
    _remove(root, ("script", "style", "title", ElementTree.Comment))
    for series in root.iter("g"):
        place = series.get("class", "").partition("serie-")[2].partition(" ")[0]
        if place:
            _title_marks(series, f"{names[int(place)]} " if names else "")
    _remove(root, ("desc",))
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _title_marks(series: ElementTree.Element, name: str) -> None:
    """Give each mark of a series its name, label and value as title, as pygal has told them."""
    for mark in series.iter("g"):
        told = {part.get("class", "").split()[0]: part.text for part in mark.findall("desc")}
        if told.get("value"):
            said = filter(None, (told.get("x_label"), told["value"]))
            ElementTree.SubElement(mark, "title").text = name + ", ".join(said)


def _remove(root: ElementTree.Element, tags: Sequence[Any]) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in tags:
                parent.remove(child)
