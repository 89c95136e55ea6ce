"""What came of a comparison, in words for people."""

from conduit_tui.reconcile.account import Compared, Verdict
from conduit_tui.reconcile.transcripts import Reading

_SHOWN_PROBLEMS = 5
_WHOLE = (Verdict.EQUAL, Verdict.NOT_SEEN, Verdict.NO_TRANSCRIPT)


def percent(drift: float | None) -> str:
    """`0 %`, `+0.3 %`, `-50 %`; `-` where there is nothing to compare with."""
    if drift is None:
        return "-"
    return "0 %" if drift == 0 else f"{drift:+.1f} %" if abs(drift) < 9.95 else f"{drift:+.0f} %"


def verdict_words(one: Compared) -> str:
    """The verdict, with what there is to say of it."""
    said = [str(one.verdict)] if one.verdict in _WHOLE else []
    if one.unseen.answers and one.ledger.answers:
        said.append(f"{one.unseen.answers:,} unseen")
    if one.differing:
        said.append(f"{one.differing:,} differ")
    if one.extra.answers and one.transcript.answers:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(one.extra_kinds.items()))
        said.append(f"extra: {kinds}")
    return ", ".join(said)


def passed_over(reading: Reading) -> list[str]:
    """What of the transcripts was not taken in, in words."""
    counted = (
        (
            reading.invalid,
            "line is not one of a transcript and was left out",
            "lines are not of a transcript and were left out",
        ),
        (reading.unfinished, "last line is still being written", "last lines are still being written"),
        (reading.too_long, "line is too long to be read", "lines are too long to be read"),
        (reading.links, "symbolic link was not followed", "symbolic links were not followed"),
    )
    said = [f"{count:,} {one if count == 1 else many}" for count, one, many in counted if count]
    said += [f"cannot be read: {problem}" for problem in reading.unreadable[:_SHOWN_PROBLEMS]]
    if len(reading.unreadable) > _SHOWN_PROBLEMS:
        said.append(f"and {len(reading.unreadable) - _SHOWN_PROBLEMS} more files cannot be read")
    if reading.cut:
        said.append("there are more answers than are compared at once; narrow the time")
    return said
