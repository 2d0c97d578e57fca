"""Sandbox for untrusted programs: bubblewrap namespaces, seccomp and resource limits."""

from repair.sandbox.bubblewrap import Limits, ProgramResult, require, run, run_many, user
from repair.sandbox.mounts import Project

__all__ = ["Limits", "ProgramResult", "Project", "require", "run", "run_many", "user"]
