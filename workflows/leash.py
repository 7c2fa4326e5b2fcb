"""Processes that end with the one that started them, however that one ended.

A supervisor that is killed (by the OOM killer, say) can end nobody any more, and django-q2's processes would work on
without it: orphans that nobody restarts, beside the ones of the next supervisor. So the kernel is asked to kill each of
them when its parent dies. Only Linux can do that; elsewhere nothing happens here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: From <sys/prctl.h>.
PR_SET_PDEATHSIG = 1


def leash(parent: int) -> None:
    """Die with ``parent``, which started this process, and let all children die with this one."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)

    def end_with(expected: int) -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != expected:  # it died before the kernel was asked
            os.kill(os.getpid(), signal.SIGKILL)

    forking = 0

    def before() -> None:
        nonlocal forking
        forking = os.getpid()

    os.register_at_fork(before=before, after_in_child=lambda: end_with(forking))
    end_with(parent)
