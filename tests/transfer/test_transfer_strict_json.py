"""I4: deep, huge, doubled, half: what is no plain JSON is refused, and nothing is read beyond the cap."""

import json
from pathlib import Path

import pytest
from transfer_scenes import plan_of, project, version_2

from conduit_tui.transfer import strict_json
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.strict_json import Document

GOOD = json.dumps(version_2(projects=[project("default")]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), "byte order mark"),
        (GOOD.encode("utf-16"), "byte order mark"),
        (GOOD.encode("utf-16-be"), "not UTF-8"),
        (GOOD.encode("utf-32"), "byte order mark"),
        (GOOD.encode("latin-1")[:-1] + b', "x": "\xe4"}', "not UTF-8"),
        (b"", "not a JSON object"),
        (b"nonsense", "not a JSON object"),
        (GOOD[:-1].encode(), "not JSON"),
        (GOOD.replace('"version"', '"version": "2", "version"').encode(), "stands twice"),
        (GOOD.replace('"name"', '"name": "x", "name"').encode(), "stands twice"),
        (GOOD[:-1].encode() + b', "x": NaN}', "NaN is not a number"),
        (GOOD[:-1].encode() + b', "x": -Infinity}', "Infinity is not a number"),
        (GOOD[:-1].encode() + b', "x": 1e999999999}', "more digits"),
        (GOOD[:-1].encode() + b', "x": 0.' + b"1" * 100_000 + b"}", "more digits"),
        (GOOD[:-1].encode() + b', "x": ' + b"9" * 100_000 + b"}", "too large"),
        (GOOD[:-1].encode() + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper than 64"),
        (GOOD[:-1].encode() + b', "x": ' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}", "deeper than 64"),
        (GOOD[:-1].encode() + b', "x": "\\ud800"}', "lone surrogate"),
        (GOOD[:-1].encode() + b', "x": "a\nb"}', "not JSON"),
        (GOOD.encode() + b"{}", "the end of the file"),
        (b'{"version": "2", "projects": [1, 2,]}', "not JSON"),
    ],
)  # fmt: skip
def test_what_is_not_plain_json_is_refused(database: Path, tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(data)
    with pytest.raises(TransferError) as caught:
        plan_of(database, path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_good_one_is_taken(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text(GOOD)
    plan_of(database, path)


def test_more_than_the_cap_is_refused_before_it_is_read(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.write(b'{"version": "2", "x": "')
        file.truncate(10 * 1024**3)  # ten gigabytes of nothing
    with pytest.raises(TransferError, match="more than the 67,108,864 that an import takes"):
        plan_of(database, path)
    assert strict_json.LARGEST_BYTES == 64 * 1024 * 1024


def test_a_file_that_is_none_is_not_waited_for(database: Path, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TransferError, match="neither a file nor a folder"):
        plan_of(database, tmp_path / "pipe")


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(TransferError, match="line 3, column 9"):
        Document('{\n"a": 1,\n"b": [1 2]}').index()
