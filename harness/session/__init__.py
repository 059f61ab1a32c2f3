"""From what was asked to a run on disk: the one path of the command, tests and notebooks."""

from harness.session.ask import Asked, Loaded, Places, default_data_root, load_all, plan_asked
from harness.session.combine import merge_runs
from harness.session.forecast import expected_s
from harness.session.resume import resume_run
from harness.session.run import (
    Manner,
    data_root_of,
    meanings,
    plan_sources,
    run_plan,
    usual_memory_limit,
)
from harness.session.waiting import waiting_trials

__all__ = [
    "Asked",
    "Loaded",
    "Manner",
    "Places",
    "data_root_of",
    "default_data_root",
    "expected_s",
    "load_all",
    "meanings",
    "merge_runs",
    "plan_asked",
    "plan_sources",
    "resume_run",
    "run_plan",
    "usual_memory_limit",
    "waiting_trials",
]
