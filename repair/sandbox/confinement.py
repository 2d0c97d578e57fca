"""Confinement of a trusted program that reads untrusted files: bubblewrap profile of the language servers.

Inside are the system's libraries, the folders that are named, and nothing else of the machine: all of them
read-only, at their own paths. There is no network, no `/proc`, no `/dev`, no environment variable but those
that are named; no process outside can be seen; everything inside ends with the caller. The program is no
stranger's, so it may start processes; the seccomp filter refuses the rest of what solutions are refused.

Not covered: the kernel's bugs; memory, processes and threads (the caller watches the first two); the time
that it runs.

Tested by `tests/repair/language_servers/test_confinement.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repair.errors import ConfigurationError
from repair.sandbox import bubblewrap, mounts, seccomp


@dataclass(frozen=True, slots=True)
class Confinement:
    """A profile: the files and folders that programs may read besides the system's libraries."""

    readable: tuple[Path, ...]

    def command(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        folders: Iterable[Path],
        temporary: Path,
        variables: Mapping[str, str],
        descriptors: tuple[int, int],
    ) -> list[str]:
        """The command line that runs `command` (its first item an absolute path) confined.

        `folders` are readable too; `temporary` is an empty folder in memory inside. `descriptors` are two
        open ones that the child must inherit: bubblewrap writes JSON with the program's `child-pid` to the
        first, and reads `filter_program()` from the second.
        """
        info, filters = descriptors
        named = [item for name, value in variables.items() for item in ("--setenv", name, value)]
        return [
            *(mounts.executable(), "--unshare-all", "--unshare-user", "--die-with-parent", "--as-pid-1"),
            *("--uid", bubblewrap.NOBODY, "--gid", bubblewrap.NOBODY, "--hostname", "sandbox"),
            *("--cap-drop", "ALL", "--clearenv", *named),
            *mounts.read_only([*mounts.SYSTEM_LIBRARIES, *self.readable, *folders]),
            *("--size", str(_TEMPORARY_BYTES), "--tmpfs", str(temporary), "--remount-ro", "/"),
            *("--chdir", str(cwd), "--info-fd", str(info), "--seccomp", str(filters), *command),
        ]


_TEMPORARY_BYTES = 64 << 20


def filter_program() -> bytes:
    """The seccomp filter of a confined program."""
    return seccomp.program(processes=True)


def unavailable() -> str | None:
    """Why programs can't be confined here; null: they can."""
    try:
        bubblewrap.require()
    except ConfigurationError as error:
        return str(error)
    return None
