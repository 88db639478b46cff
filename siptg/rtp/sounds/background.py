"""A thread for what the beat must not wait for: disks, encoders and decoders.

The beat and the thread meet in a `deque` only: the one appends, the other takes, nobody waits. The
thread looks at its jobs four times a second instead of being told of each frame, for a wake-up
costs the beat more than the frame does. One thread serves all jobs of a kind: they wait for the
same disk, the codecs release the interpreter's lock while they work, and many threads would take
that lock from the beat more often than one.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

log = logging.getLogger(__name__)

PERIOD = 0.25
"""Seconds between two looks at the jobs."""
BREATH = 0.0002
"""Seconds between two jobs in which the beat can have the interpreter's lock: it would wait five
milliseconds for it otherwise.
"""


class Job(Protocol):
    """Something that is done bit by bit."""

    def work(self) -> bool:
        """Do what there is to do now, a second's worth at most; False when all is done."""
        ...


class Background:
    """Starts its thread with the first job, and ends it with the last."""

    def __init__(self, name: str, period: float = PERIOD) -> None:
        self._name, self._period = name, period
        self._jobs: dict[Job, int] = {}
        """And how often each was added: one that was added again while it ended stays."""
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def thread(self) -> threading.Thread | None:
        """None where there is nothing to do."""
        return self._thread

    def add(self, job: Job) -> None:
        """Work at it from now on; once is enough."""
        with self._lock:
            self._jobs[job] = self._jobs.get(job, 0) + 1
            # a process made by fork has the list, but not the thread
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._woken.set()

    def wake(self) -> None:
        """Look at the jobs now."""
        self._woken.set()

    def look(self) -> bool:
        """Work once at each job; False when none is left. The thread does this, or a test."""
        with self._lock:
            jobs = list(self._jobs.items())
        for job, added in jobs:
            try:
                going_on = job.work()
            except Exception:  # one job's fault must not end the others
                log.exception("a job broke and is taken off")
                going_on = False
            if not going_on:
                with self._lock:
                    if self._jobs[job] == added:
                        del self._jobs[job]
            if len(jobs) > 1:
                time.sleep(BREATH)
        with self._lock:
            if not self._jobs:
                self._thread = None
            return bool(self._jobs)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self.look():
            self._woken.wait(self._period)
            self._woken.clear()
