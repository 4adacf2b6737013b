"""Files that hold whole lines at any time, whatever the disk does."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import HeldError, OutputError, UsageError
from batchconv.journal.append_only_file import AppendOnlyFile, refuse_inputs
from batchconv.journal.stdout import Stdout


class Disk:
    """Takes the place of os.write: writes as many bytes as the script says, or fails."""

    def __init__(self, script, monkeypatch):
        self._script = list(script)
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd, data):
        step = self._script.pop(0) if self._script else None
        if step is not None and step < 0:
            raise OSError(-step, os.strerror(-step))
        return self._write(fd, data if step is None else data[: max(step, 1)])


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=8),
    script=st.lists(st.sampled_from([None, 1, 3, -errno.ENOSPC, -errno.EIO]), max_size=20),
)
@settings(deadline=None)
def test_a_file_holds_the_lines_that_were_written_and_nothing_of_others(
    tmp_path_factory, lines, script
):
    path = tmp_path_factory.mktemp("disk") / "r"
    with pytest.MonkeyPatch.context() as monkeypatch:
        Disk(script, monkeypatch)
        file = AppendOnlyFile(str(path))
        written = []
        for line in lines:
            try:
                file.write(line)
            except OutputError:
                pass
            else:
                written.append(line)
            assert path.read_bytes() == b"".join(written)
            assert file.size == path.stat().st_size
        file.close()


def test_after_a_half_line_that_could_not_be_cut_off_nothing_follows(tmp_path, monkeypatch):
    file = AppendOnlyFile(str(tmp_path / "r"))
    file.write(b"one\n")
    with monkeypatch.context() as patch:
        Disk([2, -errno.EIO], patch)
        patch.setattr(os, "ftruncate", _fail_with(errno.EIO))
        with pytest.raises(OutputError, match="cannot be written: Input/output error"):
            file.write(b"two\n")
    with pytest.raises(OutputError, match="cannot be written"):
        file.write(b"three\n")
    file.close()
    assert (tmp_path / "r").read_bytes() == b"one\ntw"


def _fail_with(number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_failed_sync_is_told_and_told_again_when_closing(tmp_path, monkeypatch):
    """The system tells of it once, and that may be to a thread that nobody listens to."""
    file = AppendOnlyFile(str(tmp_path / "r"))
    file.write(b"one\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _fail_with(errno.EIO))
        with pytest.raises(OutputError):
            file.sync()
    with pytest.raises(OutputError, match="Input/output error"):
        file.close()
    file.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_what_has_no_disk_need_not_be_synced(tmp_path, monkeypatch, number):
    file = AppendOnlyFile(str(tmp_path / "r"))
    file.write(b"one\n")
    monkeypatch.setattr(os, "fsync", _fail_with(number))
    file.close()


def test_new_files_are_private_and_old_ones_keep_their_mode(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.touch(0o644)
    for path in (new, old):
        AppendOnlyFile(str(path)).close()
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert stat.S_IMODE(old.stat().st_mode) == 0o644


def test_a_file_is_held_by_one_at_a_time_and_free_when_closed(tmp_path):
    path = str(tmp_path / "r")
    first = AppendOnlyFile(path, lock=True)
    with pytest.raises(HeldError, match=rf"is in use by process {os.getpid()}$"):
        AppendOnlyFile(path, lock=True)
    first.close()
    AppendOnlyFile(path, lock=True).close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_another_run_removed_meanwhile_is_not_the_one_held(
    tmp_path, monkeypatch, replaced
):
    """Else results would go into a file without a name."""
    path = tmp_path / "r"
    path.touch()
    flock = fcntl.flock

    def remove_first(fd, how):
        monkeypatch.undo()
        path.unlink()
        if replaced:
            path.write_bytes(b"x\n")
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    file = AppendOnlyFile(str(path), lock=True)
    file.write(b"y\n")
    file.close()
    assert path.read_bytes() == (b"x\ny\n" if replaced else b"y\n")


def test_a_run_that_does_not_take_place_leaves_no_empty_file_and_every_other_one(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_bytes(b"x\n")
    for path in (new, old):
        AppendOnlyFile(str(path), lock=True).discard()
    assert not new.exists()
    assert old.read_bytes() == b"x\n"


def test_a_folder_that_does_not_exist_is_told_of(tmp_path):
    with pytest.raises(UsageError, match="No such file") as told:
        AppendOnlyFile(str(tmp_path / "none" / "r"))
    assert "name another file with -o" in (told.value.hint or "")


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES, errno.EPERM])
def test_a_lock_that_is_refused_for_whatever_reason_is_held(tmp_path, monkeypatch, number):
    """SMB answers EACCES, where a file system of one's own answers EWOULDBLOCK."""
    monkeypatch.setattr(fcntl, "flock", _fail_with(number))
    with pytest.raises(HeldError, match="is in use by another run"):
        AppendOnlyFile(str(tmp_path / "r"), lock=True)
    with pytest.raises(HeldError, match="is in use by another run"):
        AppendOnlyFile.check_free(str(tmp_path / "r"))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_where_there_are_no_locks_a_run_says_so_once_and_goes_on(
    tmp_path, monkeypatch, caplog, number
):
    monkeypatch.setattr(fcntl, "flock", _fail_with(number))
    file = AppendOnlyFile(str(tmp_path / "r"), lock=True)
    file.write(b"x\n")
    file.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'r'}: this file system has no locks: do not start a second run on it"
    ]


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """Names of one file."""
    real = tmp_path / "in.csv"
    real.touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "soft").symlink_to(real)
    os.link(real, tmp_path / "hard")
    (tmp_path / "folder").symlink_to(tmp_path)
    return {
        "itself": str(real),
        "symlink": str(tmp_path / "soft"),
        "hard link": str(tmp_path / "hard"),
        "dots": str(tmp_path / "sub" / ".." / "in.csv"),
        "linked folder": str(tmp_path / "folder" / "in.csv"),
    }


@pytest.mark.parametrize("way", ["itself", "symlink", "hard link", "dots", "linked folder"])
def test_an_output_that_is_an_input_is_refused_by_whatever_name(named, way):
    with pytest.raises(UsageError, match="is the input"):
        refuse_inputs([named[way]], ["-", named["itself"]])
    with pytest.raises(UsageError, match="is the input"):
        refuse_inputs([named["itself"]], [named[way]])
    with pytest.raises(UsageError, match="are the same file"):
        refuse_inputs([named["itself"], named[way]], [])


def test_two_outputs_that_would_become_one_file_are_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="are the same file"):
        refuse_inputs([str(tmp_path / "r"), str(tmp_path / "link" / "r")], [])


def test_devices_and_different_files_may_be_named_together(tmp_path):
    refuse_inputs(["/dev/null", "/dev/null", str(tmp_path / "r")], ["/dev/null", str(tmp_path)])


def test_a_broken_standard_output_is_told_of_with_the_next_call(monkeypatch):
    monkeypatch.setattr(os, "write", _fail_with(errno.EPIPE))
    sink = Stdout()
    sink.write(b"one\n")
    with pytest.raises(OutputError, match="the reader of standard output is gone"):
        sink.close()
    with pytest.raises(OutputError):
        sink.sync()
    assert not sink.behind
