"""Suites: named sets of cases, as plugins and TOML files write them; `draft.py` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Design: TypeAlias = Literal["product", "ablate", "zip"]


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite says will be seen; fields as in `harness.records.planned.Expectation`.

    `where`, `better_than` and `same_as` are tables of levels.
    """

    where: dict[str, Any] = {}
    metric: str | None = None
    min: float | None = None
    max: float | None = None
    better_than: dict[str, Any] | None = None
    same_as: dict[str, Any] | None = None
    status: str | None = None
    of: Literal["seeds", "median"] = "seeds"
    share: float = 1.0
    epoch: int | None = None
    by_epoch: int | None = None


class Suite(Struct, frozen=True):
    """A named set of cases.

    Args:
        name: What `--suite NAME` says.
        summary: The question that it answers, in a sentence.
        base: Settings that all cases share, by address: `{"model": "mlp[hidden=[64]]", "epochs":
            5}`.
        factors: Levels by address.
        together: Levels that go together, a table a row.
        seeds: How many (0 to n-1), or which.
        baseline: The levels that cases are compared with; None: the first level of every factor.
        design: product, ablate (the base, and each level alone) or zip.
        include: Cases to add, each a table of levels.
        exclude: Cases to leave out, each a table of levels.
        expect: What will be seen (`Expect`, or a table with its fields).
        margins: Margins by metric, in place of the usual ones.
        columns: Metrics that its tables show, `memory` among them; empty: a choice by what there
            is.
        origin: The file or plugin that it comes from, for messages.
    """

    name: str
    summary: str = ""
    base: Mapping[str, Any] = {}
    factors: Mapping[str, Any] = {}
    together: Sequence[Mapping[str, Any]] = ()
    seeds: int | str | Sequence[int] = 5
    baseline: Mapping[str, Any] | None = None
    design: Design = "product"
    include: Sequence[Mapping[str, Any]] = ()
    exclude: Sequence[Mapping[str, Any]] = ()
    expect: Sequence[Expect | Mapping[str, Any]] = ()
    margins: Mapping[str, float] = {}
    columns: Sequence[str] = ()
    origin: str = ""
