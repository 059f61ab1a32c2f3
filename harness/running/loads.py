"""Datasets that are loaded once a run, each in a process of its own, into files that trials map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.records.journal import cannot
from harness.records.planned import Case
from harness.records.record import Record
from harness.running.client import ServerGone
from harness.running.endings import lines_of, outcome_of
from harness.running.messages import Ended, Outcome, Request
from harness.suites.settings import root_of
from harness.units import one_line

FOLDER = "data"
_LOADS = 3
"""How often a dataset is loaded whose loader dies, as it does where somebody kills it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset that was loaded: its file, or how that failed; and what was printed over it."""

    path: Path
    outcome: Outcome
    output: str


class Loads:
    """The loads of a run.

    Args:
        folder: Where the files go; it is made when it is needed.
        data_root: Where fetched files lie.
        cases: Of the plan: a load may take as long, and as much memory, as any case of it may.
        memory_limit: Bytes where a case sets no limit.
        before: Records of earlier trials: what is loaded now must be what they were made with.
        do: Does a request alone, under a number of its choice.
        tell: Hears what a user should know.
    """

    def __init__(
        self,
        folder: Path,
        data_root: Path,
        cases: Sequence[Case],
        memory_limit: int | None,
        before: Iterable[Record],
        *,
        do: Callable[[Request], Ended],
        tell: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._data_root = data_root
        self._memory_limit = memory_limit
        self._cases: dict[str, list[Case]] = {}
        for case in cases:
            self._cases.setdefault(_key(case.settings), []).append(case)
        self._known = _digests(before)
        self._do = do
        self._tell = tell
        self._prepared: dict[str, Prepared] = {}
        self._untold: dict[str, str] = {}

    def prepared(self, settings: Mapping[str, Any]) -> Prepared:
        """Load the dataset of a case, unless that was done before.

        Raises:
            StoreError: the disk refuses, or the data is not what it was.
        """
        key = _key(settings)
        if key not in self._prepared:
            found = self._prepared[key] = self._load(key, settings)
            self._untold[key] = found.output
        return self._prepared[key]

    def known(self, settings: Mapping[str, Any]) -> Prepared | None:
        """Give what became of the dataset of a case, if it was loaded."""
        return self._prepared.get(_key(settings))

    def printed(self, settings: Mapping[str, Any]) -> str:
        """Give what loading printed: where it failed to every record, else to the first."""
        found = self.known(settings)
        if found is not None and found.outcome.status != "ok":
            return found.output
        return self._untold.pop(_key(settings), "")

    def check(self, settings: Mapping[str, Any], seed: int | None, digest: str | None) -> None:
        """Refuse data that differs from what earlier trials were made with.

        Args:
            settings: Of a case.
            seed: None where all seeds have the same data.
            digest: Of its data; None: it is not known.

        Raises:
            StoreError: it differs.
        """
        known = self._known.get(_key(settings), {})
        before = {each for at, found in known.items() if seed in (None, at) for each in found}
        if before and digest is not None and digest not in before:
            at = "" if seed is None else f" of seed {seed}"
            raise StoreError(
                f"the data of dataset {settings['dataset']}{at} has changed: its digest was"
                f" {' or '.join(sorted(before))} and is {digest}, so that its trials would not be"
                " comparable; --force goes on all the same"
            )

    def _load(self, key: str, settings: Mapping[str, Any]) -> Prepared:
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot(self._folder, "be made", error) from None
        path = self._folder / f"{key}.pt"
        name = settings["dataset"]
        outcome, output = self._until_settled(self._request(key, settings, path))
        if outcome.status == "ok":
            self.check(settings, None, outcome.data)
            return Prepared(path, outcome, output)
        for each in self._folder.glob(f"{key}.*"):
            each.unlink()  # half a file on a full disk would leave no room for records
        told = outcome.reason if outcome.status == "skipped" else None
        told = told or f"loading dataset {name}: {outcome.reason}"
        return Prepared(path, Outcome(status=outcome.status, reason=told), output)

    def _until_settled(self, request: Request) -> tuple[Outcome, str]:
        """Load until the loader does not die, a few times at most."""
        outputs = []
        for left in reversed(range(_LOADS)):
            try:
                ended = self._do(request)
            except ServerGone as gone:
                outcome = gone_with(gone)
            else:
                outcome = outcome_of(ended, request.timeout_s)
                outputs.append(lines_of(ended))
            if outcome.status != "crashed" or not left:
                break
            self._tell(
                f"loading dataset {request.settings['dataset']}: {outcome.reason}:"
                f" it is loaded again, {left} more {'time' if left == 1 else 'times'} at most"
            )
        return outcome, "\n".join(filter(None, outputs))

    def _request(self, key: str, settings: Mapping[str, Any], path: Path) -> Request:
        alike = [each.settings for each in self._cases[key]]
        limits: list[int | None] = [each["memory_limit"] or self._memory_limit for each in alike]
        return Request(
            number=0,
            settings=dict(settings),
            timeout_s=max(each["timeout_s"] for each in alike),
            memory_limit=None if None in limits else max(filter(None, limits)),
            data_root=str(self._data_root),
            prepare=str(path),
        )


def gone_with(gone: ServerGone) -> Outcome:
    """Say what became of a request that went down with the server."""
    reason = one_line(f"the process that starts trials was killed: {gone}", 400)
    return Outcome(status="crashed", reason=reason)


def _digests(records: Iterable[Record]) -> dict[str, dict[int, set[str]]]:
    """List the digests of data that records have, by dataset and seed."""
    found: dict[str, dict[int, set[str]]] = {}
    for each in records:
        if each.data is not None:
            found.setdefault(_key(each.settings), {}).setdefault(each.seed, set()).add(each.data)
    return found


def _key(settings: Mapping[str, Any]) -> str:
    """Name a dataset with its options."""
    chosen = {name: value for name, value in settings.items() if root_of(name) == "dataset"}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]
