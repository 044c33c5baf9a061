"""Artefacts are written whole or not at all; damaged ones are refused with a way out."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mocoda.artifacts import (
    atomic_path,
    canonical_json,
    read_json,
    read_tensors,
    short_hash,
    write_json,
    write_tensors,
)
from mocoda.errors import UserError


def full_disk(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_json_and_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": {"text": "schön"}}
    write_json(tmp_path / "new" / "facts.json", value)
    assert read_json(tmp_path / "new" / "facts.json") == value
    tensors = {
        "weights": torch.randn(3, 4).mT,  # not contiguous
        "half": torch.randn(5).bfloat16(),
        "rows": torch.arange(4),
        "empty": torch.zeros(0, 3),
    }
    write_tensors(tmp_path / "new" / "model.safetensors", tensors)
    found = read_tensors(tmp_path / "new" / "model.safetensors")
    assert found.keys() == tensors.keys()
    for name, value_ in tensors.items():
        assert found[name].dtype == value_.dtype
        assert torch.equal(found[name], value_)


def test_equal_tensors_are_equal_bytes(tmp_path: Path) -> None:
    first, second = torch.arange(3.0), torch.ones(2)
    write_tensors(tmp_path / "a", {"x": first, "y": second})
    write_tensors(tmp_path / "b", {"y": second, "x": first})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=5))
def test_the_hash_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert short_hash(value) == short_hash(dict(reversed(list(value.items()))))


def test_the_hash_tells_values_apart_and_refuses_nan() -> None:
    assert short_hash({"a": 1}) != short_hash({"a": 2})
    assert short_hash({"a": 1}) != short_hash({"a": "1"})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


@pytest.mark.parametrize("failure", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    target = tmp_path / "facts.json"
    write_json(target, {"good": 1})
    before = target.read_bytes()

    def write_half() -> None:
        with atomic_path(target) as partial:
            partial.write_text("half of it")
            raise failure

    with pytest.raises(type(failure)):
        write_half()
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_the_earlier_folder(tmp_path: Path) -> None:
    target = tmp_path / "store"
    target.mkdir()
    (target / "row").write_text("old")

    def write_half() -> None:
        with atomic_path(target) as partial:
            partial.mkdir()
            (partial / "row").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert (target / "row").read_text() == "old"
    with atomic_path(target) as partial:
        partial.mkdir()
        (partial / "row").write_text("new")
    assert (target / "row").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("call", ["replace", "write_text"])
def test_a_full_disk_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    target = tmp_path / "facts.json"
    write_json(target, {"good": 1})
    before = target.read_bytes()
    monkeypatch.setattr(os if call == "replace" else Path, call, full_disk)
    with pytest.raises(UserError) as caught:
        write_json(target, {"good": 2})
    assert caught.value.where == str(target)
    assert caught.value.expected == "a place that can be written to"
    assert caught.value.found == "No space left on device"
    assert "Free disk space" in caught.value.remedy
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for write in (
        lambda path: write_json(path, {}),
        lambda path: write_tensors(path, {"x": torch.ones(1)}),
    ):
        with pytest.raises(UserError, match="a place that can be written to") as caught:
            write(tmp_path / "file" / "below" / "target")
        assert caught.value.where.endswith("target")


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "facts.json", {"loss": float("nan")})
    assert not (tmp_path / "facts.json").exists()


@pytest.mark.parametrize("text", [None, "", '{"half": ', "\x00\x01"])
def test_json_that_is_missing_or_damaged_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "facts.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_json(file)
    assert caught.value.where == str(file)
    assert caught.value.expected == "a JSON file written by an earlier stage"
    assert caught.value.remedy.startswith("Delete it and run the same command again")


@pytest.mark.parametrize("kept", [None, 0, 7, 40])
def test_safetensors_that_are_missing_or_truncated_are_refused(
    tmp_path: Path, kept: int | None
) -> None:
    file = tmp_path / "model.safetensors"
    if kept is not None:
        write_tensors(file, {"weights": torch.randn(10, 10)})
        file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UserError) as caught:
        read_tensors(file)
    assert caught.value.where == str(file)
    assert caught.value.expected == "a safetensors file written by an earlier stage"
    assert caught.value.remedy.startswith("Delete it and run the same command again")
