"""Whole files: replaced where they are regular ones, written to where they are not."""

import os
import stat
import threading

import pytest

from batchconv.errors import OutputError, UsageError
from batchconv.journal.atomic_write import atomic_write, probe
from batchconv.operations.config_file import write_config_file


def test_a_file_is_replaced_by_a_private_one(tmp_path):
    path = tmp_path / "s.json"
    path.write_text("old")
    before = path.stat().st_ino
    atomic_write(str(path), "new", hint="")
    assert path.read_text() == "new"
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["s.json"]


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    atomic_write(str(tmp_path / "link"), "new", hint="")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("how", ["atomic_write", "config init"])
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path, how):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()), daemon=True)
    reader.start()
    probe(str(path), "--summary")
    if how == "atomic_write":
        atomic_write(str(path), "text", hint="")
    else:
        write_config_file(str(path), "text", overwrite=True, make_folder=False)
    reader.join(30)
    assert read == ["text"]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_device_is_written_to_and_never_replaced(tmp_path):
    """A node of the test's own."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    probe(str(path), "--summary")
    try:
        atomic_write(str(path), "text", hint="")
    except OutputError:
        pytest.skip("devices are disabled on this file system")
    assert stat.S_ISCHR(path.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["null"]


def test_a_probe_leaves_nothing_behind_and_what_is_there_alone(tmp_path):
    path = tmp_path / "s.json"
    probe(str(path), "--summary")
    assert [each.name for each in tmp_path.iterdir()] == []
    path.write_text("old")
    probe(str(path), "--summary")
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["none/s.json", "", "nul\0"])
def test_what_cannot_be_written_is_told_with_the_option_that_names_it(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be written") as told:
        probe(str(tmp_path / name), "--summary")
    assert "--summary" in (told.value.hint or "")
