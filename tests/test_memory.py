"""How much memory there is for trials, in a container or a batch job too: by groups of files that tell of it."""

from pathlib import Path

import psutil
import pytest

from bench import memory

MB = 2**20
SECOND = ("memory.max", "memory.current", "inactive_file")
FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def group(folder: Path, names: tuple[str, str, str], most: str, taken: int, cache: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip((*names[:2], "memory.stat"), (most, taken, f"anon 7\n{names[2]} {cache}"), strict=True):
        (folder / name).write_text(f"{content}\n")


@pytest.mark.parametrize(
    ("line", "top", "names"),
    [("0::/job/step", "sys/fs/cgroup", SECOND), ("4:memory:/job/step", "sys/fs/cgroup/memory", FIRST)],
)
def test_a_limit_of_any_group_above_holds_and_files_that_were_read_count_as_free(
    tmp_path: Path, line: str, top: str, names: tuple[str, str, str]
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"9:cpu,cpuacct:/job\n{line}\n")
    group(tmp_path / top / "job/step", names, "max", 5 * MB, MB)
    group(tmp_path / top / "job", names, str(64 * MB), 40 * MB, 8 * MB)
    assert memory.total(tmp_path) == 64 * MB
    assert memory.free(tmp_path) == 32 * MB


def test_a_container_that_sees_its_own_group_as_the_top_is_held_to_it(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/somewhere/outside\n")
    group(tmp_path / "sys/fs/cgroup", SECOND, str(64 * MB), 80 * MB, 0)
    assert (memory.total(tmp_path), memory.free(tmp_path)) == (64 * MB, 0)


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert memory.total(tmp_path) == psutil.virtual_memory().total
    assert 0 < memory.free() <= memory.total() <= psutil.virtual_memory().total
