"""The scratch folder: the dead leave no voices."""

from pathlib import Path

from callwright.recordings.scratch import SCRATCH, scratch_folder


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
