import pytest

from tlcompare.escaping import cell, harmless, plain, uncell


@pytest.mark.parametrize("text", ["=1+1", "@SUM(1)", "+1+cmd|calc", "-x", "\tx", "'=1", "''", "'"])
def test_what_a_spreadsheet_would_run_is_text_and_is_read_back(text):
    assert cell(text) == f"'{text}"
    assert uncell(cell(text)) == text


@pytest.mark.parametrize("value", ["red", "-1", "+2.5e3", "it's", "", 5, -0.5, None])
def test_other_cells_stay_as_they_are(value):
    assert cell(value) == value
    assert uncell(str(value)) == str(value)


def test_markdown_is_one_line_without_html_and_pictures():
    assert plain("a\n<img src=x>![x](y)") == "a &lt;img src=x>!\\[x](y)"


def test_a_terminal_gets_no_control_characters():
    assert harmless("\x1b[1ma\x1b[0m\x1b]0;b\x07 日本\n") == "a\\x1b]0;b\\x07 日本\n"
