"""The system calls that students' code may not make, as a filter for the kernel.

Bubblewrap takes away files, processes and networks; what is left are ways through
the kernel that no namespace closes. Each is closed here for one of three reasons: it
leads to another submission or to the teacher (keyrings, vsock), it makes a new
namespace in which an ordinary user is root, or it holds memory that is in no process.
The filter is a program of classic BPF, and `bwrap --seccomp FD` installs it.

**Source:** Linux, Documentation/userspace-api/seccomp_filter.rst and
include/uapi/linux/{bpf_common,seccomp,audit}.h.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager

# The number of each call: on x86_64, on aarch64.
CALLS = {
    # Keyrings are one for all submissions of the same user.
    **{"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    # New namespaces and what is done in them. `clone` is asked for its flags below.
    **{"unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51)},
    **{"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41)},
    **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430)},
    **{"fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433)},
    **{"mount_setattr": (442, 442), "clone3": (435, 435)},
    # Memory that is in no process: files without a folder, segments, queues, and
    # pages that a pipe keeps when their process has given them back.
    **{"memfd_create": (319, 279), "memfd_secret": (447, 447)},
    **{"shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186)},
    **{"mq_open": (240, 180), "vmsplice": (278, 75)},
    # They make other calls for whoever asks, past every filter.
    **{"io_uring_setup": (425, 425), "io_uring_enter": (426, 426)},
    "io_uring_register": (427, 427),
    # Nothing for notebooks, and much code of the kernel that attacks have used.
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282)},
}
# Calls that are asked for an argument: its place, and see `program`.
CLONE, SOCKET, SOCKETPAIR, MMAP = (56, 220), (41, 198), (53, 199), (9, 222)
NEWEST = 462  # `mseal`: nobody has looked yet at what came later
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_...
NAMESPACES = 0x7E020000  # all flags CLONE_NEW... that `clone` takes
FAMILIES = (
    1,
    2,
    10,
)  # AF_UNIX, AF_INET, AF_INET6; the sandbox's network is its own
ANONYMOUS, MAP_TYPE, SHARED = 0x20, 0x0F, (0x01, 0x03)  # of mmap

KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
LOAD, AND, RETURN = 0x20, 0x54, 0x06
EQUAL, GREATER, ANY_OF = 0x15, 0x25, 0x45  # jump if it is so
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16  # in struct seccomp_data

Line = tuple[int, int, int, int]  # code, lines to skip if so, if not so, number


def program(machine: str) -> bytes:
    """The filter as an array of `struct sock_filter`, eight bytes each.

    machine: as `platform.machine()` says. A call that is closed fails with ENOSYS,
    as on a kernel that does not have it, for which libraries have another way; a
    closed argument with EPERM, EAFNOSUPPORT or ENOMEM. A program for another
    machine (32 bits) is killed. Raises `ValueError` for a machine without a list.
    """
    if machine not in MACHINES:
        known = " and ".join(MACHINES)
        raise ValueError(f"no system calls are known of {machine}, only of {known}")
    at = list(MACHINES).index(machine)
    lines = [_load(MACHINE), (EQUAL, 1, 0, MACHINES[machine]), _return(KILL)]
    lines += [_load(NUMBER), (GREATER, 0, 1, NEWEST), _error(errno.ENOSYS)]
    for numbers in CALLS.values():
        lines += [(EQUAL, 0, 1, numbers[at]), _error(errno.ENOSYS)]
    lines += _when(CLONE[at], _without_namespaces())
    for numbers in (SOCKET, SOCKETPAIR):
        lines += _when(numbers[at], _of_a_family())
    lines += _when(MMAP[at], _not_shared_and_anonymous())
    return b"".join(struct.pack("HBBI", *line) for line in [*lines, _return(ALLOW)])


@contextmanager
def descriptor() -> Iterator[int]:
    """A file descriptor from which bwrap reads the filter for this machine."""
    reading, writing = os.pipe()
    try:
        with open(writing, "wb") as pipe:
            pipe.write(program(platform.machine()))
        yield reading
    finally:
        os.close(reading)


def _load(place: int) -> Line:
    return (LOAD, 0, 0, place)


def _argument(number: int) -> Line:
    return _load(ARGUMENTS + 8 * number)  # its lower half; both machines are so


def _return(verdict: int) -> Line:
    return (RETURN, 0, 0, verdict)


def _error(number: int) -> Line:
    return _return(ERRNO | number)


def _when(call: int, lines: list[Line]) -> list[Line]:
    return [(EQUAL, 0, len(lines), call), *lines]


def _without_namespaces() -> list[Line]:
    tests = [_argument(0), (ANY_OF, 0, 1, NAMESPACES)]
    return [*tests, _error(errno.EPERM), _return(ALLOW)]


def _of_a_family() -> list[Line]:
    lines = [_argument(0)]
    for family in FAMILIES:
        lines += [(EQUAL, 0, 1, family), _return(ALLOW)]
    return [*lines, _error(errno.EAFNOSUPPORT)]


def _not_shared_and_anonymous() -> list[Line]:
    """Pages of such a mapping stay when they are in no process's table any more."""
    lines = [_argument(3), (AND, 0, 0, ANONYMOUS | MAP_TYPE)]
    for kind in SHARED:
        lines += [(EQUAL, 0, 1, ANONYMOUS | kind), _error(errno.ENOMEM)]
    return [*lines, _return(ALLOW)]
