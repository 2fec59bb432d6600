"""The scratch folder: the dead leave no voices."""

from pathlib import Path

import pytest

from callwright.errors import StepFailed
from callwright.recordings.scratch import SCRATCH, call_folder, scratch_folder


def test_the_folders_of_killed_workers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    left = tmp_path / f"{SCRATCH}killed"
    left.mkdir()
    (left / "samples").write_bytes(b"a voice")
    with scratch_folder(tmp_path) as living:
        (living / "samples").write_bytes(b"another")
        with scratch_folder(tmp_path) as second:
            assert {living, second} == set(tmp_path.iterdir())
            assert (living / "samples").exists()
    assert not list(tmp_path.iterdir())


def test_no_link_leads_the_cleaning_elsewhere(tmp_path: Path) -> None:
    precious, scratch = tmp_path / "precious", tmp_path / "tmp"
    precious.mkdir()
    scratch.mkdir()
    (precious / "file").touch()
    (scratch / f"{SCRATCH}link").symlink_to(precious)
    with scratch_folder(scratch):
        pass
    assert (precious / "file").exists()


def test_nothing_is_left_of_a_call(tmp_path: Path) -> None:
    for fault in (None, ZeroDivisionError):
        try:
            with call_folder(tmp_path) as first, call_folder(tmp_path) as second:
                assert {first, second} == set(tmp_path.iterdir())
                assert first.stat().st_mode & 0o777 == 0o700
                (first / "samples").write_bytes(b"a voice")
                (second / "pieces").mkdir()
                (second / "pieces" / "one").write_bytes(b"another")
                if fault:
                    raise fault
        except ZeroDivisionError:
            pass
        assert not list(tmp_path.iterdir())


def test_where_there_can_be_no_folder_our_storage_is_at_fault(tmp_path: Path) -> None:
    (tmp_path / "full").touch()
    with pytest.raises(StepFailed) as failed, call_folder(tmp_path / "full"):
        pass
    assert (failed.value.code, failed.value.ours) == ("storage_unavailable", True)
