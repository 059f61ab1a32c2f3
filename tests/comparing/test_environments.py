"""What differs between two environments, and which figures are unlike because of it."""

from __future__ import annotations

from typing import Any

import pytest
from made import made_case, made_plan, made_record

from harness.comparing.environments import (
    INTERLEAVED,
    NOT_INTERLEAVED,
    Difference,
    Environments,
    environments,
    kind_of,
)
from harness.numbers.metrics import MEANINGS, Meaning
from harness.records.record import Record

PLAN = made_plan(made_case({"model": "mlp"}, dataset="digits"), seeds=(0, 1, 2))
HERE = {"torch": "2.15.0", "host": "a", "cpu": "x", "cores": 2, "governor": None, "python": "3.11"}


def trial(seed: int = 0, more: dict[str, Any] | None = None, **fields: Any) -> Record:
    return made_record(PLAN, 0, seed, environment={**HERE, **(more or {})}, **fields)


def beside(base: dict[str, Any], head: dict[str, Any]) -> Environments:
    return environments([(trial(more=base), trial(more=head))])


def test_equal_environments_differ_in_nothing() -> None:
    assert beside({}, {}).differs == ()


def test_versions_differ_without_making_memory_or_learning_unlike() -> None:
    found = beside({"torch": "2.14.0"}, {"torch": "2.15.0"})

    [torch] = found.differs
    assert (str(torch), torch.voids) == ("torch: 2.14.0 -> 2.15.0", ())
    assert found.voided(MEANINGS["host_peak_bytes"]) is None
    assert found.voided(MEANINGS["test_accuracy"]) is None


@pytest.mark.parametrize(
    ("name", "base", "head"), [("cpu", "x", "y"), ("cores", 2, 4), ("machine", "arm64", "x86_64")]
)
def test_another_machine_makes_speed_and_memory_unlike(name: str, base: Any, head: Any) -> None:
    found = beside({name: base}, {name: head})

    assert found.voided(MEANINGS["train_samples_per_s"]) == f"another machine ({name})"
    assert found.voided(MEANINGS["device_peak_bytes"]) == f"another machine ({name})"
    assert found.voided(MEANINGS["test_accuracy"]) is None
    assert found.voided(MEANINGS["parameters"]) is None


@pytest.mark.parametrize("name", ["host", "governor"])
def test_another_host_alone_makes_speed_unlike_and_leaves_memory(name: str) -> None:
    """A job of CI has another name for its machine each time."""
    found = beside({name: "a"}, {name: "b"})

    assert found.voided(MEANINGS["wall_s"]) == f"another machine ({name})"
    assert found.voided(MEANINGS["host_peak_bytes"]) is None


def test_the_gpu_is_compared_part_by_part() -> None:
    found = beside(
        {"device": {"name": "H100", "cuda": "13"}}, {"device": {"name": "H200", "cuda": "13"}}
    )

    assert [str(each) for each in found.differs] == ["device.name: H100 -> H200"]
    assert found.voided(MEANINGS["gpu_power_w"]) == "another machine (device.name)"


def test_what_one_side_does_not_tell_is_no_difference() -> None:
    base = made_record(PLAN, 0, 0, environment={"torch": "2.15.0"})
    head = made_record(PLAN, 0, 0, environment={"torch": "2.15.0", "governor": "performance"})

    assert environments([(base, head)]).differs == ()
    assert environments([(head, base)]).differs == ()


def test_an_absence_that_is_told_is_a_difference() -> None:
    assert [str(each) for each in beside({}, {"governor": "powersave"}).differs] == [
        "governor: - -> powersave"
    ]


def test_several_values_of_one_side_are_joined_and_cut() -> None:
    pairs = [
        (trial(seed, {"commit": f"c{seed}"}), trial(seed, {"commit": "d"})) for seed in range(3)
    ]
    pairs.append((trial(0, {"commit": "c9"}), trial(0, {"commit": "d"})))

    [found] = environments(pairs).differs

    assert (found.base, found.head) == ("c0; c1; c2; ...", "d")


def test_foreign_texts_are_escaped_and_cut() -> None:
    [found] = beside({"commit": "a\x1b[31m\n" + "b" * 1000}, {"commit": "c"}).differs

    assert "\x1b" not in found.base
    assert "\n" not in found.base
    assert len(found.base) <= 200


def test_runs_of_one_gate_were_interleaved() -> None:
    found = beside({INTERLEAVED: "g"}, {INTERLEAVED: "g"})

    assert found.interleaved
    assert found.voided(MEANINGS["train_samples_per_s"]) is None
    assert found.differs == ()


@pytest.mark.parametrize(
    ("base", "head"), [({}, {}), ({INTERLEAVED: "g"}, {}), ({INTERLEAVED: "g"}, {INTERLEAVED: "h"})]
)
def test_other_runs_were_not_and_their_speed_is_unlike(
    base: dict[str, Any], head: dict[str, Any]
) -> None:
    found = beside(base, head)

    assert not found.interleaved
    assert found.voided(MEANINGS["train_samples_per_s"]) == NOT_INTERLEAVED
    assert found.voided(MEANINGS["host_peak_bytes"]) is None
    assert found.differs == ()


def test_no_trials_at_all_were_not_interleaved() -> None:
    assert environments([]) == Environments()


def test_another_machine_is_the_reason_before_another_time() -> None:
    assert beside({"host": "a"}, {"host": "b"}).voided(MEANINGS["wall_s"]) == (
        "another machine (host)"
    )


def test_sources_that_changed_alike_are_told_together() -> None:
    old = {"model": "mine 1.0 aa", "loss": "mine 1.0 aa", "optimizer": "builtin 1 bb"}
    new = {"model": "mine 1.1 cc", "loss": "mine 1.1 cc", "optimizer": "builtin 1 bb"}

    [found] = environments([(trial(sources=old), trial(sources=new))]).differs

    assert str(found) == "source of model mlp, loss cross_entropy: mine 1.0 aa -> mine 1.1 cc"


def test_a_definition_that_only_one_side_has_is_no_changed_source() -> None:
    pair = (trial(sources={"model": "a"}), trial(sources={"model": "a", "schedule": "b"}))

    assert environments([pair]).differs == ()


def test_data_is_compared_trial_by_trial() -> None:
    same = (trial(0, data="aa"), trial(0, data="aa"))
    other = (trial(1, data="bb"), trial(1, data="cc"))

    [found] = environments([same, other]).differs

    assert str(found) == "data of digits: bb -> cc"
    assert environments([same]).differs == ()


def test_data_of_another_seed_is_other_data() -> None:
    assert environments([(trial(0, data="aa"), trial(0)), (trial(1), trial(1, data="b"))]) == (
        Environments()
    )


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        ("waiting", "s", "speed"),
        ("tokens", "tokens/s", "speed"),
        ("data_wait_share", "1", "speed"),
        ("gpu_power_w", "W", "speed"),
        ("host_peak_bytes", "bytes", "memory"),
        ("parameter_bytes", "bytes", None),
        ("gradient_norm/0.weight", "1", None),
        ("test_accuracy", "1", None),
    ],
)
def test_metrics_of_speed_are_known_by_their_unit_too(
    name: str, unit: str, kind: str | None
) -> None:
    assert kind_of(Meaning(name, unit, "higher", 0.0, "difference", "")) == kind


def test_a_difference_is_told_in_a_line() -> None:
    assert str(Difference(name="torch", base="1", head="2")) == "torch: 1 -> 2"
