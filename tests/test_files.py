import os

import pytest

from tlcompare.files import write_atomically


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_has_the_rights_that_the_user_has_chosen(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "x", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode
