"""Seccomp filter, as a BPF program for bubblewrap: no new processes, no dangerous system calls.

RLIMIT_NPROC alone does not limit a program whose host user is root (the usual case in a container): the
kernel exempts it. So the filter refuses every way to start a process; threads stay possible.

Tested by `tests/repair/sandbox/test_bubblewrap.py`.
"""

import errno
import platform
import struct

from repair.errors import ConfigurationError

_LOAD, _EQUAL, _AT_LEAST, _SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF's LD, JEQ, JGE, JSET, RET
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000  # system calls of the x32 interface, which would bypass the numbers below

# Architecture -> its number, then the numbers of: clone, clone3, calls that start processes, dangerous calls.
# The dangerous calls, in this order where the architecture has them: unshare, setns, mount, ptrace, keyctl,
# add_key, request_key, bpf, perf_event_open, userfaultfd, io_uring_setup, process_vm_readv and _writev.
_TABLES = {
    "x86_64": (
        *(0xC000003E, 56, 435, (57, 58)),
        (272, 308, 165, 101, 250, 248, 249, 321, 298, 323, 425, 310, 311),
    ),
    "aarch64": (
        *(0xC00000B7, 220, 435, ()),
        (97, 268, 40, 117, 219, 217, 218, 280, 241, 282, 425, 270, 271),
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
    architecture, clone, clone3, starts, doors = _TABLES[machine]
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, architecture, 1, 0),
        _line(_RETURN, _KILL_PROCESS),
        _line(_LOAD, _NUMBER),
        *_refuse(_AT_LEAST, _X32, errno.ENOSYS),
    ]
    for number in doors:
        lines += _refuse(_EQUAL, number, errno.EPERM)
    if processes:
        return b"".join([*lines, _line(_RETURN, _ALLOW)])
    for number in starts:
        lines += _refuse(_EQUAL, number, errno.EPERM)
    # the C library then falls back to clone, whose flags a filter can read
    lines += _refuse(_EQUAL, clone3, errno.ENOSYS)
    lines += [
        _line(_EQUAL, clone, 0, 3),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_SET, _CLONE_THREAD, 1, 0),
        _line(_RETURN, _ERRNO | errno.EPERM),
        _line(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _refuse(comparison: int, value: int, number: int) -> list[bytes]:
    return [_line(comparison, value, 0, 1), _line(_RETURN, _ERRNO | number)]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
