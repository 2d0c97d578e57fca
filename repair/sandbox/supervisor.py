"""Supervisor inside the sandbox: it bounds the program, runs it as its child and tells how it ended.

It is the first process inside, and none of the stranger's. It limits the files of `/tmp`, which
bubblewrap has no option for, makes the device nodes read-only (their owners, modes and times are the host's),
gives up every capability, and starts the program with the limits and the seccomp filter, under a user of its
own if it can have one. bubblewrap's exit code can't tell a signal from `os._exit(137)`; so the supervisor
writes the state of `wait4` and the seconds of the processor to a descriptor that the program does not have.

Tested by `tests/repair/sandbox/test_bubblewrap.py`.
"""

DEVICES = ("/dev/null", "/dev/urandom")
MOST_FILES = 10_000
"""Files and folders in `/tmp`."""

# Arguments: descriptors of the status and the filter, user (0: as it is), bytes of `/tmp`, limits, program,
# hash seed (empty: random); then, of a project, its folder and its interpreter (empty: this one).
PROGRAM = f"""
import ctypes, os, resource, struct, sys
status, filters, user, size = map(int, sys.argv[1:5])
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{{name}}: {{os.strerror(ctypes.get_errno())}}")
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND = 1, 2, 4, 8, 32, 4096
NO_TIMES = {{os.ST_NOATIME: 1024, os.ST_NODIRATIME: 2048, os.ST_RELATIME: 1 << 21}}
for path in {DEVICES!r}:
    has = os.statvfs(path).f_flag
    kept = has & (NO_SUID | NO_DEV | NO_EXEC) | sum(flag for bit, flag in NO_TIMES.items() if has & bit)
    call("mount", None, path.encode(), None, ctypes.c_ulong(READ_ONLY | REMOUNT | BIND | kept), None)
options = f"size={{size}},nr_inodes={MOST_FILES}".encode()
call("mount", None, b"/tmp", None, ctypes.c_ulong(NO_SUID | NO_DEV | REMOUNT), options)
folder, python = sys.argv[8:] or ("/tmp", "")
os.chdir(folder)
code = b"".join(iter(lambda: os.read(filters, 1 << 16), b""))
pid = os.fork()
if user:
    number = user if pid == 0 else user + 1
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)
libc.prctl(47, 4, 0, 0, 0)  # no ambient capability, then none at all
call("capset", struct.pack("Ii", 0x20080522, 0), bytes(24))
if pid == 0:
    os.closerange(3, 1 << 10)
    for name, value in zip(("CPU", "AS", "NPROC", "FSIZE", "CORE", "NOFILE"), sys.argv[5].split(",")):
        soft = int(value)
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, soft + (name == "CPU")))
    buffer = ctypes.create_string_buffer(code)
    call("prctl", 22, 2, struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)), 0, 0)
    seed = sys.argv[7]
    flags = ["-s", "-P"] if seed else ["-I"]  # -I reads no variable
    kept = dict(os.environ, PYTHONHASHSEED=seed) if seed else os.environ
    flags += ["-B"] if python else ["-S", "-B"]
    python = python or sys.executable
    os.execve(python, [python, *flags, sys.argv[6]], kept)
os.closerange(0, 3)
_, state, usage = os.wait4(pid, 0)
os.write(status, f"{{state}} {{usage.ru_utime + usage.ru_stime}}".encode())
"""
