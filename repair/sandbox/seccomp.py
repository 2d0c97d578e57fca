"""Seccomp filter, as a BPF program: no new processes, no memory that no limit counts, no side doors.

Memory of System V and POSIX queues and of `memfd_create` belongs to no process, so RLIMIT_AS does not count
it. A network namespace does not separate every family of sockets (AF_VSOCK reaches the hypervisor), so there
is AF_UNIX alone. Locks, leases and watches on a mounted file would be noticed on the host. RLIMIT_NPROC alone
does not limit a program whose host user is root: the kernel exempts it. So the filter refuses every way to
start a process; threads stay possible.

Tested by `tests/repair/sandbox/test_bubblewrap.py`.
"""

import errno
import platform
import struct
from dataclasses import dataclass

from repair.errors import ConfigurationError

_LOAD, _EQUAL, _AT_LEAST, _SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF's LD, JEQ, JGE, JSET, RET
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000  # system calls of the x32 interface, which would bypass the numbers below

_AF_UNIX = 1
_F_SETLEASE, _F_NOTIFY = 1024, 1026


@dataclass(frozen=True, slots=True)
class _Calls:
    """The numbers of an architecture's system calls."""

    architecture: int
    clone: int
    clone3: int
    starts: tuple[int, ...]
    """fork and vfork, where there are any."""
    sockets: tuple[int, int]
    """socket, socketpair."""
    fcntl: int
    doors: tuple[int, ...]
    """Nobody confined needs them: unshare, setns, mount and the calls of the new mount API, umount2,
    pivot_root, chroot, ptrace, keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd,
    io_uring_setup, process_vm_readv and _writev, pidfd_open, pidfd_getfd, kcmp, syslog, fanotify_init,
    name_to_handle_at, open_by_handle_at, mq_open, mq_unlink, and shm*, sem* and msg* of System V."""
    stranger: tuple[int, ...]
    """A server may use them and a solution may not: memfd_create, memfd_secret, inotify_init1 (and
    inotify_init), flock, sysinfo."""


_TABLES = {
    "x86_64": _Calls(
        architecture=0xC000003E,
        clone=56,
        clone3=435,
        starts=(57, 58),
        sockets=(41, 53),
        fcntl=72,
        doors=(
            *(
                272,
                308,
                165,
                428,
                429,
                430,
                431,
                432,
                433,
                442,
                166,
                155,
                161,
                101,
                250,
                248,
                249,
                321,
                298,
                323,
                425,
            ),
            *(
                310,
                311,
                434,
                438,
                312,
                103,
                300,
                303,
                304,
                240,
                241,
                29,
                30,
                31,
                67,
                64,
                65,
                66,
                220,
                68,
                69,
                70,
                71,
            ),
        ),
        stranger=(319, 447, 294, 253, 73, 99),
    ),
    "aarch64": _Calls(
        architecture=0xC00000B7,
        clone=220,
        clone3=435,
        starts=(),
        sockets=(198, 199),
        fcntl=25,
        doors=(
            *(
                97,
                268,
                40,
                428,
                429,
                430,
                431,
                432,
                433,
                442,
                39,
                41,
                51,
                117,
                219,
                217,
                218,
                280,
                241,
                282,
                425,
            ),
            *(270, 271, 434, 438, 272, 116, 262, 264, 265, 180, 181, 194, 196, 195, 197, 190, 193, 191, 192),
            *(186, 189, 188, 187),
        ),
        stranger=(279, 447, 26, 32, 179),
    ),
}


def program(*, processes: bool = False) -> bytes:
    """The filter for this machine, as an array of `struct sock_filter`; with `processes` they may be started.

    Raises:
        ConfigurationError: the machine is neither x86_64 nor aarch64.
    """
    machine = platform.machine()
    if machine not in _TABLES:
        raise ConfigurationError(
            f"programs can be contained on {' and '.join(_TABLES)}, this machine is {machine}; "
            "add its system call numbers to repair/sandbox/seccomp.py"
        )
    calls = _TABLES[machine]
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, calls.architecture, 1, 0),
        _line(_RETURN, _KILL_PROCESS),
        _line(_LOAD, _NUMBER),
        *_refuse(_AT_LEAST, _X32, errno.ENOSYS),
    ]
    for number in calls.doors:
        lines += _refuse(_EQUAL, number, errno.EPERM)
    for number in calls.sockets:
        lines += _look(number, [_line(_EQUAL, _AF_UNIX, 1, 0), _line(_RETURN, _ERRNO | errno.EPERM)])
    if processes:
        return b"".join([*lines, _line(_RETURN, _ALLOW)])
    for number in (*calls.starts, *calls.stranger):
        lines += _refuse(_EQUAL, number, errno.EPERM)
    # the C library then falls back to clone, whose flags a filter can read
    lines += _refuse(_EQUAL, calls.clone3, errno.ENOSYS)
    lines += _look(
        calls.fcntl,
        _refuse(_EQUAL, _F_SETLEASE, errno.EPERM) + _refuse(_EQUAL, _F_NOTIFY, errno.EPERM),
        argument=_SECOND_ARGUMENT,
    )
    lines += _look(calls.clone, [_line(_SET, _CLONE_THREAD, 1, 0), _line(_RETURN, _ERRNO | errno.EPERM)])
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _look(number: int, verdict: list[bytes], *, argument: int = _FIRST_ARGUMENT) -> list[bytes]:
    """Applies `verdict` to an argument's low half, which decides, of the call `number`; others go on."""
    # the call is allowed where nothing of `verdict` returned
    inner = [_line(_LOAD, argument), *verdict, _line(_RETURN, _ALLOW)]
    return [_line(_EQUAL, number, 0, len(inner)), *inner]


def _refuse(comparison: int, value: int, number: int) -> list[bytes]:
    return [_line(comparison, value, 0, 1), _line(_RETURN, _ERRNO | number)]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
