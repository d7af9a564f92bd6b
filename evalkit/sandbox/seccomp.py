"""The system calls that a program in the sandbox does not get, as a filter of the kernel.

They create memory that belongs to no process, which no limit on processes counts, or reach into
other processes. Python and numerical libraries do without them.
"""

from __future__ import annotations

import platform

_MACHINES = {
    # name: architecture of the audit, mmap, the others
    "x86_64": (0xC000003E, 9, (29, 30, 31, 64, 68, 101, 240, 248, 249, 250, 278, 298, 310, 311, 312,
                               319, 321, 323, 425, 438, 447)),
    "aarch64": (0xC00000B7, 222, (75, 117, 180, 186, 190, 194, 195, 196, 217, 218, 219, 241, 270,
                                  271, 272, 279, 280, 282, 425, 438, 447)),
}  # fmt: skip
"""shmget, shmat, shmctl, semget, msgget, ptrace, mq_open, add_key, request_key, keyctl, vmsplice,
perf_event_open, process_vm_readv, process_vm_writev, kcmp, memfd_create, bpf, userfaultfd,
io_uring_setup, pidfd_getfd, memfd_secret, in the order of x86_64's numbers."""
_LOAD, _EQUAL, _AT_LEAST, _SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_SHARED, _ANONYMOUS, _HUGE = 0x01, 0x20, 0x40000
_NUMBER, _ARCHITECTURE, _FLAGS = 0, 4, 16 + 8 * 3  # offsets in seccomp_data
_X32 = 0x40000000

Instruction = tuple[int, int, int, int]


def filter_program() -> list[Instruction]:
    """This machine's filter: code, jumps if true and false, operand. Empty if none is known."""
    if platform.machine() not in _MACHINES:
        return []
    architecture, mmap, refused = _MACHINES[platform.machine()]
    head: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for number in refused:
        head += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    # Shared memory without a file, and huge pages, which no limit counts.
    return [
        *head,
        (_EQUAL, 1, 0, mmap),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FLAGS),
        (_SET, 3, 0, _HUGE),
        (_AND, 0, 0, _SHARED | _ANONYMOUS),
        (_EQUAL, 1, 0, _SHARED | _ANONYMOUS),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
