"""What the model calls of a session used."""

from typing import Any

import pytest

from eventlog.projection import fold
from eventlog.projections.usage import USAGE, Tokens, Usage
from tests.projections.building import Fact, assistant, called, moved, record, user


def usage(*facts: Fact) -> Usage:
    return fold(USAGE, record(*facts))


def replied(call: int | None = None, prompt: Any = 10, completion: Any = 3, **more: Any) -> Fact:
    used = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return assistant("a", usage=used, **({"call": call} if call else {}))


def failed(call: int) -> Fact:
    return "model.failed", {"call": call, "reason": "429", "retryable": True}


def test_nothing_called_is_nothing_used() -> None:
    assert usage(user("a"), assistant("b")).total == Tokens()


def test_tokens_count_for_the_model_that_was_called() -> None:
    assert usage(called("m"), replied(1)).models == {
        "m": Tokens(calls=1, prompt_tokens=10, completion_tokens=3)
    }


def test_details_are_counted() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    total = usage(called(), replied(1, **details)).total
    assert (total.cached_tokens, total.reasoning_tokens) == (4, 2)


def test_models_are_counted_apart_and_summed() -> None:
    used = usage(called("a"), called("b"), replied(1), replied(2), called("a"), replied(5))
    assert [(name, t.prompt_tokens) for name, t in used.models.items()] == [("a", 20), ("b", 10)]
    assert used.total == Tokens(calls=3, prompt_tokens=30, completion_tokens=9)


def test_the_name_that_was_asked_for_counts_and_not_the_one_that_answered() -> None:
    assert list(usage(called("alias"), replied(1, model="alias-2026")).models) == ["alias"]


def test_a_reply_of_an_unknown_call_counts_for_the_model_it_names() -> None:
    used = usage(assistant("a", model="m", usage={"prompt_tokens": 1}), replied(99))
    assert {name: t.prompt_tokens for name, t in used.models.items()} == {"m": 1, "unknown": 10}


def test_a_failed_call_is_counted_with_what_it_used() -> None:
    total = usage(called(), replied(1), failed(1)).total
    assert total == Tokens(calls=1, failed=1, prompt_tokens=10, completion_tokens=3)


def test_a_call_whose_tokens_nobody_told_is_counted() -> None:
    used = usage(called("a"), assistant("x", call=1), called("b"), replied(3), called("a"))
    assert {name: tokens.untold for name, tokens in used.models.items()} == {"a": 2, "b": 0}


def test_a_call_that_told_its_tokens_twice_told_them() -> None:
    assert usage(called(), replied(1), replied(1)).total.untold == 0


@pytest.mark.parametrize("odd", [None, {}, {"total_tokens": 3}, {"prompt_tokens": "3"}])
def test_usage_without_a_count_of_tokens_tells_none(odd: Any) -> None:
    assert usage(called(), assistant("a", call=1, usage=odd)).total.untold == 1


def test_a_failure_may_tell_the_tokens_of_its_call() -> None:
    kind, data = failed(1)
    assert usage(called(), (kind, {**data, "usage": {"prompt_tokens": 2}})).total.untold == 0


def test_a_call_of_before_a_fork_that_tells_its_tokens_after_it_stays_as_it_was() -> None:
    forked = ("session.forked", {"session": "o", "version": 1})
    used = usage(called("m"), forked, replied(1))
    assert (used.inherited["m"].untold, used.models["m"].untold) == (1, 0)


def test_what_was_spent_on_another_branch_was_spent() -> None:
    assert usage(user("a"), called(), replied(2), moved(1)).total.prompt_tokens == 10


def test_a_summary_by_a_model_is_counted() -> None:
    data = {"text": "s", "through": 1, "model": "m", "usage": {"completion_tokens": 7}}
    assert usage(user("a"), ("context.summarized", data)).models["m"].completion_tokens == 7


@pytest.mark.parametrize("odd", [None, "12", 1.5, {}, []])
def test_a_count_that_is_no_number_counts_nothing(odd: Any) -> None:
    odd_details = {"prompt_tokens_details": odd, "completion_tokens_details": odd}
    assert usage(replied(None, odd, odd, **odd_details)).total == Tokens()


# What it cost


def cost(*facts: Fact) -> dict[str, str]:
    return usage(*facts).total.cost


def paid(amount: Any, currency: Any = "USD") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def test_costs_are_summed_exactly_by_model_and_currency() -> None:
    used = usage(
        called("a"), replied(1, cost=paid("0.1")), replied(1, cost=paid("0.2")),
        replied(1, cost=paid("3", "EUR")), called("b"), replied(5, cost=paid("0.0000000007")),
    )  # fmt: skip
    assert {name: tokens.cost for name, tokens in used.models.items()} == {
        "a": {"USD": "0.3", "EUR": "3"},
        "b": {"USD": "0.0000000007"},
    }
    assert used.total.cost == {"USD": "0.3000000007", "EUR": "3"}


def test_a_sum_of_amounts_far_apart_loses_nothing() -> None:
    tiny, huge = "0." + "0" * 59 + "1", "9" * 40
    assert cost(replied(cost=paid(huge)), replied(cost=paid(tiny))) == {"USD": f"{huge}.{tiny[2:]}"}


@pytest.mark.parametrize("given", [0.00014, 3, 0])
def test_a_bare_number_is_what_the_provider_told_in_dollars(given: float) -> None:
    assert cost(replied(cost=given)) == {"USD": str(given)}


@pytest.mark.parametrize(
    "odd",
    [
        "1", True, -1, -0.5, 1e300, 1e-300, [], {}, paid(None), paid("-1"), paid("1e3"), paid("NaN"),
        paid("Infinity"), paid("\u0661"), paid("1" * 99), paid("1", "usd"), paid("1", None),
        paid("1", ["USD"]), paid("1\n"), paid(float("1e200")),
    ],
)  # fmt: skip
def test_a_cost_that_is_none_counts_nothing(odd: Any) -> None:
    assert cost(replied(cost=odd)) == {}


@pytest.mark.parametrize("kind", ["context.summarized", "title.set"])
def test_what_a_summary_and_a_title_cost_is_counted(kind: str) -> None:
    data = {"text": "s", "through": 1, "title": "t", "model": "m"}
    used = usage((kind, {**data, "usage": {"prompt_tokens": 2, "cost": paid("0.5")}}))
    assert used.models == {"m": Tokens(prompt_tokens=2, cost={"USD": "0.5"})}


def test_a_title_set_by_a_person_counts_nothing() -> None:
    assert usage(("title.set", {"title": "t"})).models == {}


def test_a_failed_call_costs_what_its_failure_tells() -> None:
    kind, data = failed(1)
    total = usage(called(), (kind, {**data, "usage": {"cost": paid("0.5")}})).total
    assert total == Tokens(calls=1, failed=1, untold=1, cost={"USD": "0.5"})


def test_what_was_paid_before_a_fork_is_counted_apart() -> None:
    forked = ("session.forked", {"session": "o", "version": 2})
    used = usage(called("m"), replied(1, cost=paid("1")), forked, replied(1, cost=paid("2")))
    assert used.inherited["m"].cost == {"USD": "1"}
    assert used.total.cost == {"USD": "2"}
