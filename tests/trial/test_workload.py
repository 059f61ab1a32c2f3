"""From settings to a workload: start values, precision, what is preloaded; seen through real runs.

With a learning rate of 0 the metric `start` of the tests' plugin shows the sums of start values.
"""

from __future__ import annotations

from typing import Any

WEIGHTS = ("start/first.weight", "start/last.weight")
BIASES = ("start/first.bias", "start/last.bias")


def test_init_acts_on_weights_and_leaves_biases(varied: Any) -> None:
    for built, zeroed in zip(varied.metrics("start"), varied.metrics("zeros"), strict=True):
        assert [zeroed[name] for name in WEIGHTS] == [0, 0]
        assert [zeroed[name] for name in BIASES] == [built[name] for name in BIASES]


def test_bias_init_acts_on_biases_and_leaves_weights(varied: Any) -> None:
    for built, ones in zip(varied.metrics("start"), varied.metrics("ones for biases"), strict=True):
        assert [ones[name] for name in BIASES] == [8, 2]
        assert [ones[name] for name in WEIGHTS] == [built[name] for name in WEIGHTS]


def test_the_first_glob_that_matches_wins_and_no_layer_depends_on_another(varied: Any) -> None:
    for drawn, globs in zip(varied.metrics("drawn"), varied.metrics("globs"), strict=True):
        assert globs["start/first.weight"] == 0
        assert globs["start/last.weight"] == drawn["start/last.weight"] != 0


def test_start_values_differ_between_seeds(varied: Any) -> None:
    for name in ("start", "drawn"):
        [first, second] = varied.metrics(name)
        assert all(first[each] != second[each] for each in WEIGHTS)


def test_a_glob_that_matches_nothing_is_an_error_with_the_names(varied: Any) -> None:
    for record in varied.records("no glob"):
        assert record["status"] == "error"
        assert record["reason"] == (
            "init: the glob 'second.*' matches no parameter (known: first.weight, last.weight)"
        )


def test_float64_trains_in_float64_from_the_same_start(varied: Any) -> None:
    assert [each["double"] for each in varied.metrics("look at doubles")] == [1, 1]
    assert [each["double"] for each in varied.metrics("look")] == [0, 0]
    for single, double in zip(varied.metrics("start"), varied.metrics("doubles"), strict=True):
        assert [single[each] for each in WEIGHTS] == [double[each] for each in WEIGHTS]


def test_what_a_definition_preloads_is_imported_once_before_its_trials(varied: Any) -> None:
    told = [each.split() for each in varied.run.noted("preloaded")]

    assert {loaded for loaded, _ in told} == {"True"}
    assert len(varied.run.noted("imported")) == 1
    assert varied.run.noted("imported")[0] not in {pid for _, pid in told}


def test_what_unused_definitions_preload_is_not_imported(misbehaved: Any) -> None:
    assert misbehaved.noted("imported") == []
