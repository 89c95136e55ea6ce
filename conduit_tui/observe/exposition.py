"""Figures in the Prometheus text format, version 0.0.4.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from conduit_tui.observe.printable import printable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One line: what is added to the family's name (`_bucket`, ...), the labels, the value."""

    suffix: str
    labels: Labels
    value: float


class Family(NamedTuple):
    """A metric with all its lines."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Iterable[Sample]


def gauge(name: str, help_text: str, value: float, **labels: str) -> Family:
    """A gauge of one line."""
    return Family(name, "gauge", help_text, (Sample("", labels, value),))


def exposition(families: Iterable[Family]) -> str:
    """The page; a family without lines is left out."""
    return "".join(_lines(families))


class Counters:
    """Sums by the values of some labels, which never fall.

    Names of models are the clients' to choose: beyond `most` different sets of values, what is new is counted as
    `other`, so that nobody fills memory or the collector.
    """

    OTHER = "other"

    def __init__(self, name: str, help_text: str, *labels: str, most: int = 500) -> None:
        self.name = name
        self._help = help_text
        self._labels = labels
        self._most = most
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, *values: str, amount: float = 1) -> None:
        """Add to the sum of these values, given in the order of the labels."""
        if values not in self._sums and len(self._sums) >= self._most:
            values = (self.OTHER,) * len(values)
        self._sums[values] = self._sums.get(values, 0) + amount

    def family(self) -> Family:
        lines = (
            Sample("", dict(zip(self._labels, values, strict=True)), total)
            for values, total in sorted(self._sums.items())
        )
        return Family(self.name, "counter", self._help, lines)


class Histogram:
    """Durations in buckets. `bounds` are seconds, rising; the last bucket is everything above."""

    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...]) -> None:
        self.name = name
        self._help = help_text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def family(self) -> Family:
        return Family(self.name, "histogram", self._help, self._samples())

    def _samples(self) -> Iterator[Sample]:
        running = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            running += count
            yield Sample("_bucket", {"le": "+Inf" if bound == float("inf") else str(float(bound))}, running)
        yield Sample("_sum", {}, self._sum)
        yield Sample("_count", {}, running)


def _lines(families: Iterable[Family]) -> Iterator[str]:
    for family in families:
        samples = list(family.samples)
        if samples:
            yield f"# HELP {family.name} {_escaped(family.help)}\n# TYPE {family.name} {family.kind}\n"
            for suffix, labels, value in samples:
                yield f"{family.name}{suffix}{_label_set(labels)} {value!r}\n"


def _label_set(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value).replace(chr(34), chr(92) + chr(34))}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    """Escaped as the format wants it; what could steer a terminal is written out before that."""
    return printable(text, keep="\n").replace("\\", "\\\\").replace("\n", "\\n")
