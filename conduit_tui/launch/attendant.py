"""Attends to the running agent as a shell attends to a job: passes signals on, stops and goes on with it, ends it.

All signals are blocked and taken one by one with `sigwait`, so nothing happens in between and nothing is missed.
"""

import contextlib
import os
import signal

from conduit_tui.launch.terminal import Terminal

_PASSED_ON = (
    signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH, signal.SIGUSR1,
    signal.SIGUSR2,
)  # fmt: skip
_ENDING = (signal.SIGTERM, signal.SIGHUP)  # after these we mean to be gone soon
_OWN = (signal.SIGCHLD, signal.SIGCONT, signal.SIGALRM)
PATIENCE_SECONDS = 10.0


def watched() -> set[signal.Signals]:
    """The signals to take; those that whoever started us has switched off stay off."""
    return {*_OWN, *(one for one in _PASSED_ON if signal.getsignal(one) is not signal.SIG_IGN)}


class Signals:
    """While it is entered, the watched signals wait to be taken. `before` is the mask that was in force."""

    def __init__(self) -> None:
        self.taken = watched()
        self.before: set[int] = set()

    def __enter__(self) -> "Signals":
        self._handlers = {one: signal.getsignal(one) for one in self.taken}
        self.before = {*signal.pthread_sigmask(signal.SIG_BLOCK, self.taken)}
        for one in self.taken - {signal.SIGTSTP}:
            # one that is ignored by default would not wait at all
            signal.signal(one, _nothing)
        return self

    @property
    def end_is_wanted(self) -> bool:
        """Whether a signal waits that asks us to be gone."""
        return bool(signal.sigpending() & {*_ENDING, signal.SIGINT, signal.SIGQUIT})

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        while pending := signal.sigpending() & self.taken:
            signal.sigwait(pending)  # what came at the very end has nobody to go to
        for one, handler in self._handlers.items():
            signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


class Attendant:
    """Waits for one child, the leader of the process group `child`, within `Signals`."""

    def __init__(
        self, child: int, terminal: Terminal | None, signals: Signals, *, in_foreground: bool, patience: float
    ) -> None:
        self._child = child
        self._terminal = terminal
        self._wants_terminal = in_foreground  # once it has had the terminal, it gets it back whenever we have it
        self._signals = signals
        self._patience = patience
        self._own_group = os.getpgrp()
        self.lost_patience = False  # it had to be killed

    def wait(self) -> int:
        """Until it has ended: its exit code, 128+N when signal N ended it."""
        while True:
            status = self._look()
            if status is not None:
                break
            self._take(signal.Signals(signal.sigwait(self._signals.taken)))
        code = os.waitstatus_to_exitcode(status)
        if self._terminal is not None:
            if code < 0:
                self._terminal.restore_modes()
            if self._wants_terminal and self._is_left_behind(self._terminal.foreground()):
                self._terminal.give(self._own_group)
        return code if code >= 0 else 128 - code

    def _is_left_behind(self, group: int) -> bool:
        """Whether the terminal's foreground is the agent's group, or one of which nobody is left."""
        if group in (0, self._child):
            return group != 0
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _look(self) -> int | None:
        """How the child has ended; None while it has not. Stops with it when it has stopped."""
        while True:
            pid, status = os.waitpid(self._child, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return None
            if not os.WIFSTOPPED(status):
                return status
            self._stopped(signal.Signals(os.WSTOPSIG(status)))

    def _take(self, number: signal.Signals) -> None:
        if number is signal.SIGCONT:
            self._go_on()
        elif number is signal.SIGALRM:
            self.lost_patience = True
            self._send(signal.SIGKILL)
        elif number is not signal.SIGCHLD:
            self._send(number)
            if number in _ENDING:
                self._send(signal.SIGCONT)  # a stopped one could not hear it
                signal.setitimer(signal.ITIMER_REAL, self._patience)

    def _stopped(self, number: signal.Signals) -> None:
        wants_terminal = number in (signal.SIGTTIN, signal.SIGTTOU)
        if self._terminal is not None and wants_terminal and self._terminal.foreground() == self._own_group:
            self._wants_terminal = True  # it has begun to use it, and we have it
            self._go_on()
            return
        if self._terminal is not None and self._terminal.foreground() == self._child:
            self._terminal.give(self._own_group)
        stop = number if wants_terminal else signal.SIGTSTP
        if self._stop_with(stop):
            return  # SIGCONT waits to be taken
        if wants_terminal:
            # nobody could ever continue us: what the kernel does to a stopped group that was left alone
            self._send(signal.SIGHUP)
        self._go_on()

    def _stop_with(self, number: signal.Signals) -> bool:
        """Stop, with everybody in our group, as the shell's job that we are; whether we did, and were continued.

        The kernel passes the signal over where no shell could ever continue us.
        """
        signal.signal(number, signal.SIG_DFL)
        os.kill(0, number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals.taken & {number})
        return signal.SIGCONT in signal.sigpending()

    def _go_on(self) -> None:
        if self._terminal is not None and self._wants_terminal and self._terminal.foreground() == self._own_group:
            self._terminal.give(self._child)
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child, number)


def _nothing(_number: int, _frame: object) -> None: ...
