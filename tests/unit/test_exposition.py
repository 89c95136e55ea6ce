"""The Prometheus text format, read back by Prometheus' own parser."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from conduit_tui.domain.usage import UsageRow
from conduit_tui.gateway.metrics import Tally
from conduit_tui.observe.exposition import Counters, Histogram, exposition, gauge
from conduit_tui.observe.printable import printable


def row(**fields: object) -> UsageRow:
    values = dict.fromkeys(UsageRow._fields, "") | {
        name: 0 for name, kind in UsageRow.__annotations__.items() if kind is int
    }
    return UsageRow(
        **(values | {"project": "default", "routed_model": "opus", "provider": "p", "status": 200} | fields)
    )


def read(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_value_comes_back(label: str, value: float) -> None:
    read_back = read(exposition([gauge("conduit_x", "help \\ with\nlines", value, model=label)]))
    assert read_back == {"conduit_x": {(("model", printable(label, keep="\n")),): value}}


def test_a_family_without_lines_is_left_out() -> None:
    assert exposition([Counters("conduit_x_total", "x", "a").family()]) == ""


def test_what_is_new_beyond_the_bound_is_other() -> None:
    counters = Counters("conduit_x_total", "x", "model", most=2)
    for name in ("a", "b", "c", "d", "a"):
        counters.add(name)
    counted = read(exposition([counters.family()]))["conduit_x_total"]
    assert counted == {(("model", "a"),): 2, (("model", "b"),): 1, (("model", "other"),): 2}


@given(st.lists(st.floats(0, 20, allow_nan=False)))
def test_buckets_hold_all_that_is_not_above_them(seconds: list[float]) -> None:
    histogram = Histogram("conduit_s", "s", (0.5, 1, 10))
    for each in seconds:
        histogram.observe(each)
    found = read(exposition([histogram.family()]))
    for bound in (0.5, 1.0, 10.0):
        assert found["conduit_s_bucket"][(("le", str(bound)),)] == sum(each <= bound for each in seconds)
    assert found["conduit_s_bucket"][(("le", "+Inf"),)] == len(seconds)
    assert found["conduit_s_count"][()] == len(seconds)
    assert abs(found["conduit_s_sum"][()] - sum(seconds)) < 1e-6


def test_attempts_are_counted_by_project_model_and_provider() -> None:
    tally = Tally()
    tally.attempt(
        row(input_tokens=100, cache_read_tokens=40, output_tokens=7, cost_nanodollars=1_500_000_000, latency_ms=800)
    )
    tally.attempt(row(status=529, error_type="overloaded_error", flags="estimated,aborted"))
    tally.attempt(row(status=0, routed_model="evil\x1b[31m"))
    tally.decided(200)
    found = read(exposition(tally.families()))
    opus = (("model", "opus"), ("project", "default"), ("provider", "p"))
    assert found["conduit_requests_total"][opus] == 2
    assert found["conduit_requests_failed_total"][(("error", "overloaded_error"), *opus)] == 1
    assert found["conduit_tokens_total"][(("kind", "input"), *opus)] == 100
    assert found["conduit_tokens_total"][(("kind", "cache_read"), *opus)] == 40
    assert found["conduit_cost_dollars_total"][opus] == 1.5
    assert found["conduit_flagged_total"] == {(("flag", "estimated"),): 1, (("flag", "aborted"),): 1}
    assert found["conduit_request_duration_seconds_bucket"][(("le", "1.0"),)] == 3
    assert found["conduit_routing_duration_seconds_bucket"][(("le", "0.00025"),)] == 1
    assert "\x1b" not in exposition(tally.families())
