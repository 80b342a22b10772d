import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from tlcompare.report.document import Code, Picture, Section, Table, as_html, as_markdown
from tlcompare.report.drawings import as_svg, draw_costs, draw_probe
from tlcompare.training.probe import BlockProbe

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> $x^2$ --> & `code`'


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def hostile_page():
    figure = Figure()
    axes = figure.subplots()
    axes.set_title(HOSTILE, parse_math=False)
    picture = Picture(as_svg(figure, HOSTILE), HOSTILE)
    parts = [HOSTILE, Table([HOSTILE, "b"], [[HOSTILE, "1"]]), picture, Code([HOSTILE])]
    return [Section(HOSTILE, parts)]


def test_nothing_from_outside_becomes_markup():
    text = as_html(HOSTILE, hostile_page())
    tags = Tags()
    tags.feed(text)
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "img", "iframe", "object", "link"}
    assert not [name for _, attrs in tags.seen for name in attrs if name.startswith("on")]
    assert next(a for tag, a in tags.seen if tag == "svg")["aria-label"] == HOSTILE
    assert "default-src 'none'" in text


NAMES = [
    "_DSC0001_.jpg",
    "__background__",
    "_a.jpg, b_.jpg",
    "a\\_b",
    "R&amp;D",
    "a*b*c",
    "[a](b)",
    "# a",
    "1. a",
    "x|y",
]


def test_names_are_shown_as_they_are():
    parts = [*NAMES, *(f"`{n}` and x<y" for n in NAMES), Table(["a"], [[n] for n in NAMES]), Code([*NAMES, "one\ntwo"])]
    tags = Tags()
    tags.feed(as_html("t", [Section("s", parts)]))
    text = "".join(tags.text)
    for name in NAMES:
        assert text.count(name) == 4
        assert f"{name} and x<y" in text
    assert "one\ntwo" in text


def test_the_page_asks_for_nothing():
    text = as_html("t", hostile_page())
    addresses = re.findall(r"""(?:src|href)=["']([^"'#]+)|url\((?!#)([^)]+)\)""", text)
    assert addresses == []


def test_text_is_marked_and_tables_survive_bars():
    sections = [Section("One two", ["**so** `it` is", Table(["a"], [["x|y <b>"]]), Code(["ls", "x\n```\n<b>"])])]
    page = as_html("t", sections)
    assert "<strong>so</strong> <code>it</code> is" in page
    assert 'href="#one-two"' in page
    text = as_markdown("t", sections)
    assert "x\\|y &lt;b>" in text
    assert "\n    ls\n    x ``` <b>\n" in text


def test_ink_takes_the_colour_of_the_page():
    probes = [BlockProbe("stem", 0.5, 0.4, 0.1), BlockProbe("top", 0.8, 0.7, 0.2)]
    svg = as_svg(draw_probe("mobilenet", probes), "d")
    assert "currentColor" in svg
    assert "stem" in svg
    assert "#000000" not in svg
    assert not re.search(r"<svg[^>]* (width|height)=", svg)


@pytest.mark.parametrize("seconds", [(0.19, 4.07), (0.2, 900.0), (3.0, 3.5)])
def test_axes_of_costs_have_numbers_that_can_be_read(contender, seconds):
    fixed = {"cost/trainable_parameters": 1e6, "cost/model_mb": 13.0}
    made = [contender(str(s), 0.9, **fixed, **{"cost/train_seconds": s}) for s in seconds]
    figure = draw_costs(made)
    as_svg(figure, "d")
    axes = figure.axes[1]
    low, high = axes.get_xlim()
    ticks = [(place, label.get_text()) for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)]
    shown = [text for place, text in ticks if low <= place <= high]
    assert len(shown) >= 3
    assert all(re.fullmatch(r"[\d.,kM]+", text) for text in shown)
    assert not [t.get_text() for t in axes.get_xticklabels(minor=True) if t.get_text()]
