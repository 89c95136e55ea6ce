"""Rules tried on the past: where requests would have gone, at what cost, and what cannot be said."""

import pickle
import random
from typing import Any

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import Features, ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, KeySource, Provider
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import Extras, Usage
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing.backtest import Backtest
from conduit_tui.routing.backtest_result import BacktestResult
from conduit_tui.routing.expression import parse
from conduit_tui.routing.recorded import count_matches, facts_of
from conduit_tui.routing.router import Asker, RuleSet
from conduit_tui.routing.sticky import StickyMemory

START = 1_795_000_000_000
OPUS, SONNET, HAIKU = "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"
MINUTE = 60_000
catalog = Catalog()


def cost(model: str, usage: Usage) -> int:
    return catalog.price(model, usage, "anthropic", START).nanodollars


def request(number: int = 0, **changes: Any) -> RecordedRequest:
    made = RecordedRequest(
        id=number, exchange_id=f"x{number}", created_at=START + number * MINUTE, project="default", agent="",
        agent_type="main", session="s", request_class="main", dialect="anthropic", requested_model=OPUS,
        decided_model=OPUS, routed_model=OPUS, provider="anthropic", usage=Usage(1_000, 100), cost_nanodollars=0,
        priced=True, status=200, routing_source="client", rule_id="",
        facts={"bytes": 4_000, "maxTokens": 32_000, "toolCount": 3, "messageCount": 5, "flags": ["stream"]},
        headers=b'[["User-Agent", "claude-cli/2"], ["x-api-key", "\\u2026abcd"]]', body_bytes=4_000,
        message="please analyze this", message_cut=False,
    )._replace(**changes)  # fmt: skip
    if "routed_model" in changes and "decided_model" not in changes:
        made = made._replace(decided_model=made.routed_model)
    return (
        made if "cost_nanodollars" in changes else made._replace(cost_nanodollars=cost(made.routed_model, made.usage))
    )


def rule(when: str, use: str = HAIKU, name: str = "r", **fields: Any) -> Rule:
    return Rule(id=f"id-{name}", name=name, conditions=parse(when), target_model=use, **fields)


def backtest(rules: list[Rule], requests: list[RecordedRequest], **config: Any) -> BacktestResult:
    run = Backtest(rules, ProjectConfig(**config), BUILTIN_PROVIDERS, catalog)
    run.add(requests)
    return run.result("default", START, START + 86_400_000)


def test_without_rules_everything_is_as_it_was() -> None:
    requests = [request(n, usage=Usage(9_000, 50, 7_000, 1_000)) for n in range(5)]
    result = backtest([], requests)
    assert result.requests == result.unmatched == 5
    assert (
        result.cost_then == result.cost_now == result.cost_low == result.cost_high == 5 * requests[0].cost_nanodollars
    )
    assert (result.delta, result.changed, result.broken_caches, result.assumptions) == (0, 0, 0, ())


def test_a_rule_sends_requests_elsewhere_at_that_models_price() -> None:
    requests = [request(0, agent_type="Explore"), request(1)]
    result = backtest([rule('agentType = "Explore"')], requests)
    expected = cost(HAIKU, requests[0].usage)
    assert result.changed == 1
    assert result.cost_now == expected + requests[1].cost_nanodollars
    assert result.delta == expected - requests[0].cost_nanodollars < 0
    (tried,) = result.rules
    assert (tried.requests, tried.changed, tried.cost_then, tried.cost_now) == (
        1, 1, requests[0].cost_nanodollars, expected,
    )  # fmt: skip
    assert [(each.from_model, each.to_model, each.requests) for each in result.models] == [
        (OPUS, HAIKU, 1), (OPUS, OPUS, 1),
    ]  # fmt: skip
    assert sum(day.requests for day in result.days) == 2
    assert sum(day.cost_now for day in result.days) == result.cost_now


def test_the_length_of_another_models_answer_is_an_interval_and_said() -> None:
    usage = Usage(1_000, 1_000)
    result = backtest([rule("tokenCount < 5000")], [request(usage=usage)])
    assert result.cost_low == cost(HAIKU, usage._replace(output_tokens=700))
    assert result.cost_high == cost(HAIKU, usage._replace(output_tokens=1_300))
    assert any("as long as" in text for text in result.assumptions)
    assert not any("tokenizer" in text for text in result.assumptions)


def test_another_tokenizer_scales_the_tokens_and_widens_the_interval() -> None:
    old, new = "claude-sonnet-4-5", "claude-sonnet-5"
    usage = Usage(100_000, 1_000)
    result = backtest([rule("tokenCount > 1", use=new)], [request(routed_model=old, requested_model=old, usage=usage)])
    likely = Usage(round(100_000 * 1.55 / 1.15), round(1_000 * 1.55 / 1.15))
    if result.unpriced:
        pytest.skip("no price is known for the newer model")
    assert result.cost_now == catalog.price(new, likely, "anthropic", START).nanodollars
    assert result.cost_low < 0.92 * result.cost_now
    assert result.cost_high > 1.08 * result.cost_now
    assert any("tokenizer" in text for text in result.assumptions)


def conversation(models: str = "ooo") -> list[RecordedRequest]:
    """Requests of one conversation, served as the letters say; each reads from the cache what came before."""
    named = {"o": OPUS, "h": HAIKU}
    kept: dict[str, int] = {}
    requests = []
    for number, letter in enumerate(models):
        prompt = 20_000 + 2_000 * number
        read = kept.get(letter, 0)
        kept[letter] = prompt - 100
        usage = Usage(prompt, 200, read, prompt - 100 - read)
        requests.append(request(number, routed_model=named[letter], usage=usage, facts={"messageCount": number}))
    return requests


def test_a_switch_in_mid_session_throws_the_prompt_cache_away() -> None:
    requests = conversation("ooo")
    result = backtest([rule("messageCount = 1")], requests)
    prompt = requests[1].usage.input_tokens
    rebuilt = Usage(prompt, 200, 0, prompt - 100)
    warm = requests[1].usage
    assert (result.changed, result.broken_caches) == (1, 1)
    assert result.broken_cache_tokens == warm.cache_read_tokens
    assert result.broken_cache_cost == cost(HAIKU, rebuilt) - cost(HAIKU, warm) > 0
    assert result.rules[0].broken_cache_cost == result.broken_cache_cost
    # The third goes back to the first model, whose cache is still warm but lacks what the second request added.
    back = requests[2].usage
    lacking = back._replace(
        cache_read_tokens=requests[0].usage.input_tokens - 100,
        cache_write_5m_tokens=back.cache_write_5m_tokens + 2_000,
    )
    assert result.cost_now == requests[0].cost_nanodollars + cost(HAIKU, rebuilt) + cost(OPUS, lacking)
    assert any("prompt cache" in text for text in result.assumptions)


def test_a_conversation_that_goes_elsewhere_as_a_whole_keeps_its_cache() -> None:
    requests = conversation("ooo")
    result = backtest([rule("toolCount = 0 or messageCount >= 0")], requests)
    assert (result.changed, result.broken_caches) == (3, 0)
    assert result.cost_now == sum(cost(HAIKU, each.usage) for each in requests)


def test_a_cache_that_a_switch_broke_then_is_kept_without_the_switch() -> None:
    requests = conversation("oho")
    result = backtest([], requests)
    assert (result.changed, result.kept_caches) == (1, 2)
    read = requests[0].usage.input_tokens - 100
    kept = requests[1].usage._replace(cache_read_tokens=read, cache_write_5m_tokens=22_000 - 100 - read)
    assert result.delta < cost(OPUS, kept) - requests[1].cost_nanodollars


def test_a_cache_that_ran_out_is_not_broken_by_a_rule() -> None:
    first, second = conversation("oo")
    late = second._replace(created_at=second.created_at + 10 * MINUTE, usage=Usage(22_000, 200, 0, 21_900))
    result = backtest([rule("messageCount = 1")], [first, late])
    assert result.changed == 1
    assert result.broken_caches == 0


def test_automatic_caches_are_paid_in_full_after_a_switch() -> None:
    usage = Usage(10_000, 100, 8_000)
    shared = {"dialect": "openai-chat", "requested_model": "gpt-5", "routed_model": "gpt-5", "provider": "openai"}
    requests = [request(n, usage=usage, facts={"messageCount": n}, **shared) for n in range(2)]
    result = backtest([rule("messageCount = 1", use="gpt-5-mini")], requests)
    assert result.broken_cache_tokens == 8_000
    assert result.cost_now - requests[0].cost_nanodollars == catalog.price(
        "gpt-5-mini", Usage(10_000, 100), "openai", START
    ).nanodollars  # fmt: skip


def test_a_sticky_rule_keeps_its_answer_and_breaks_no_cache() -> None:
    requests = conversation("oooo")
    plain = backtest([rule("messageCount = 0")], requests)
    sticky = backtest([rule("messageCount = 0", sticky="session")], requests)
    assert (plain.changed, plain.broken_caches) == (1, 1)
    assert (sticky.changed, sticky.broken_caches) == (4, 0)


def test_a_rollout_acts_on_its_share_of_sessions() -> None:
    requests = [request(n, session=f"s{n}") for n in range(2_000)]
    result = backtest([rule("toolCount = 3", rollout=10)], requests)
    assert 140 <= result.changed <= 260
    assert result.changed + result.unmatched == 2_000


def test_the_projects_rollout_holds_in_a_backtest_and_is_said() -> None:
    requests = [request(n, session=f"s{n}") for n in range(2_000)]
    result = backtest([rule("toolCount = 3")], requests, rollout=25)
    assert 400 <= result.changed <= 600
    assert any("rollout" in assumption for assumption in result.assumptions)
    assert not any("rollout" in each for each in backtest([rule("toolCount = 3")], requests[:9]).assumptions)


@pytest.mark.parametrize(
    ("when", "changes", "unknown"),
    [
        ('message contains "analyze"', {"message": None}, True),
        ('message contains "later"', {"message_cut": True}, True),
        ('message contains "analyze"', {"message_cut": True}, False),
        ('system contains "x"', {}, True),
        ("budgetUsed > 50", {}, True),
        ('metadata.team = "x"', {}, True),
        ('header.user-agent contains "claude"', {}, False),
        ('header.x-api-key contains "sk"', {}, True),
        ("header.x-other = 1", {}, False),
        ('message contains "analyze" and agentType = "other"', {"message": None}, False),
        ("toolCount > 1", {"facts": {}}, True),
        ("tokenCount > 500", {}, False),
        ("tokenCount > 1000", {}, True),
        ("tokenCount > 1000", {"facts": {"tokenCount": 1_001}}, False),
        ("tokenCount > 4000", {"usage": Usage()}, False),
        ("tokenCount > 3999", {"usage": Usage()}, True),
    ],
)
def test_what_was_not_kept_is_unknown_and_left_as_it_was(when: str, changes: dict[str, Any], unknown: bool) -> None:
    tried = request(**changes)
    result = backtest([rule(when)], [tried])
    assert result.unknown == unknown
    if unknown:
        assert (result.changed, result.unmatched, result.cost_now) == (0, 0, tried.cost_nanodollars)
    assert count_matches(parse(when), [tried]).unknown == unknown


def test_an_undecided_token_count_does_not_hide_what_its_bounds_decide() -> None:
    rules = [rule("tokenCount > 1000 and toolCount = 9", name="a", priority=2), rule("tokenCount < 3000", name="b")]
    result = backtest(rules, [request()])
    assert (result.unknown, result.rules[1].requests) == (0, 1)


def test_a_model_without_a_price_is_counted_apart() -> None:
    local = Provider(
        name="local", base_url="http://127.0.0.1:1", dialects=(Dialect.ANTHROPIC,), models=("mystery*",),
        key=KeySource(kind=KeyKind.NONE),
    )  # fmt: skip
    run = Backtest([rule("toolCount = 3", use="mystery-1")], ProjectConfig(), [local, *BUILTIN_PROVIDERS], catalog)
    tried = request()
    run.add([tried])
    result = run.result("default", 0, 1)
    assert (result.unpriced, result.changed, result.delta) == (1, 1, 0)


def test_a_target_that_the_dialect_cannot_reach_is_passed_over() -> None:
    result = backtest([rule("toolCount = 3", use="gpt-5")], [request()])
    assert (result.changed, result.unmatched) == (0, 1)


def test_a_request_that_a_fallback_served_stays_there() -> None:
    served = request(decided_model=OPUS, routed_model=SONNET, routing_source="fallback")
    assert backtest([], [served]).changed == 0
    assert backtest([rule("toolCount = 3")], [served]).changed == 1


def test_a_project_that_is_switched_off_is_tried_as_if_it_were_on() -> None:
    result = backtest([rule("toolCount = 3")], [request()], enabled=False, features=Features(auto_routing=False))
    assert result.changed == 1
    assert any("switched off" in text for text in result.assumptions)


def test_an_error_costs_nothing_and_breaks_nothing() -> None:
    first, second, third = conversation("ooo")
    failed = second._replace(usage=Usage(), status=529, cost_nanodollars=0)
    result = backtest([rule("messageCount = 1")], [first, failed, third])
    assert (result.changed, result.broken_caches, result.delta) == (1, 0, 0)


def test_batches_make_no_difference() -> None:
    requests = conversation("oohhoohoh")
    rules = [rule("messageCount > 3 and messageCount < 7"), rule("messageCount = 1", name="q", sticky="session")]
    whole = backtest(rules, requests)
    run = Backtest(rules, ProjectConfig(), BUILTIN_PROVIDERS, catalog)
    for each in requests:
        run.add([each])
    assert run.result("default", START, START + 86_400_000) == whole
    parts = [Backtest(rules, ProjectConfig(), BUILTIN_PROVIDERS, catalog) for _ in range(2)]
    parts[0].add(requests)
    parts[1].add([each._replace(session="another") for each in requests])
    parts[0].tally.merge(pickle.loads(pickle.dumps(parts[1].tally)))
    both = parts[0].result("default", START, START + 86_400_000)
    assert (both.requests, both.cost_now, both.cost_high) == tuple(
        2 * each for each in (whole.requests, whole.cost_now, whole.cost_high)
    )
    assert [rule.broken_cache_cost for rule in both.rules] == [2 * rule.broken_cache_cost for rule in whole.rules]
    assert BacktestResult.model_validate_json(whole.model_dump_json()) == whole


def test_matches_are_counted() -> None:
    requests = [request(n, message=text) for n, text in enumerate(["analyze", "write", None])]
    assert count_matches(parse('message contains "analyze"'), requests) == (1, 3, 1)


def test_rules_asked_by_the_kind_of_a_request_decide_as_all_rules_do() -> None:
    texts = [
        'messageCount > {n} and agentType = "kind-{n}"', 'message contains "w{n}" or toolCount = {n}',
        'not (agentType = "kind-{n}" or tokenCount > 1{n}00)', 'flags contains "f{n}" and message matches "w[0-{n}]"',
        "requestClass = main and maxTokens < {n}000", 'header.user-agent contains "claude" and hour >= {n}',
        'message contains "w{n}" and system contains "x"',
    ]  # fmt: skip
    dice = random.Random(5)
    for _ in range(60):
        rules = [
            rule(dice.choice(texts).format(n=dice.randrange(6)), name=f"r{n}", priority=dice.randrange(9))
            for n in range(8)
        ]
        known = RuleSet(rules)
        for number in range(20):
            tried = request(
                number,
                agent_type=f"kind-{dice.randrange(6)}",
                message=dice.choice([None, f"w{dice.randrange(6)}"]),
                message_cut=dice.random() < 0.2,
                facts=dice.choice(
                    [{}, {"messageCount": dice.randrange(6), "toolCount": dice.randrange(6), "flags": ["f3"]}]
                ),
                usage=Usage(dice.randrange(900, 1_600), 1),
            )
            among = known.worth_asking(facts_of(tried, known.needs, numbers=False))
            asker = Asker(tried.exchange_id, tried.session)
            whole, part = (
                known.route(
                    facts_of(tried, known.needs), tried.requested_model, ProjectConfig(), asker,
                    sticky=StickyMemory(), fits=lambda _model: True, among=positions,
                )
                for positions in (None, among)
            )  # fmt: skip
            assert (part.decision, part.unknown) == (whole.decision, whole.unknown)


def test_ones_own_prices_count_and_tools_cost_on_every_model_what_they_cost() -> None:
    prices, extras = Prices(catalog, [PriceOverride(model="qwen3", free=True)]), Extras(web_searches=3)
    then = prices.price(OPUS, Usage(1_000, 100), "anthropic", START, extras).nanodollars
    done = [request(n, extras=extras, cost_nanodollars=then, session="") for n in range(2)]
    results = {}
    for model in ("qwen3", HAIKU):
        local = Provider(
            name="local", base_url="http://127.0.0.1:1", dialects=(Dialect.ANTHROPIC,), models=(model,),
            key=KeySource(kind=KeyKind.NONE),
        )  # fmt: skip
        run = Backtest([rule("toolCount = 3", use=model)], ProjectConfig(), [local, *BUILTIN_PROVIDERS], prices)
        run.add(done)
        results[model] = run.result("default", START, START + 86_400_000)
    assert [result.cost_then for result in results.values()] == [2 * then, 2 * then]
    assert (results["qwen3"].cost_now, results["qwen3"].unpriced) == (0, 0)
    assert 2 * 30_000_000 < results[HAIKU].cost_now < 2 * then, "three searches cost three cents on any model"
