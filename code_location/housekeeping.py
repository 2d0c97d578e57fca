"""Housekeeping jobs and their schedules: projects whose consent ended are forgotten, garbage is collected.

Both schedules are off until somebody switches them on in the UI: what they remove is gone.
"""

from datetime import timedelta

import dagster as dg

from repair.curation.policy import decided_projects, withdrawn
from repair.erasure.forget import forget
from repair.store.forgotten import forgotten_projects
from repair.store.garbage import collect
from resources.language_models import LanguageModelResource
from resources.recordings import RecordingsResource
from resources.store import StoreResource


class Collection(dg.Config):
    """How long nothing goes, and whether anything does."""

    grace_hours: float = 24
    """Longer than any run takes."""
    dry_run: bool = False


@dg.op(description="Removes files that no manifest names, and sets texts aside that no row names.")
def collect_garbage(context: dg.OpExecutionContext, config: Collection, store: StoreResource) -> None:
    found = list(
        collect(store.store(), dry_run=config.dry_run, grace=timedelta(hours=max(config.grace_hours, 1)))
    )
    for item in found:
        context.log.info("%s: %d bytes, %s", item.path, item.bytes, item.why)
    context.add_output_metadata({"files": len(found), "bytes": sum(item.bytes for item in found)})


class Forgetting(dg.Config):
    """Whether anything is removed."""

    dry_run: bool = False


@dg.op(description="Forgets the recorded projects whose consent was revoked or has ended.")
def forget_withdrawn(
    context: dg.OpExecutionContext,
    config: Forgetting,
    store: StoreResource,
    recordings: RecordingsResource,
    language_model: LanguageModelResource,
) -> None:
    opened = store.store()
    records = recordings.recording().projects()
    projects = sorted(withdrawn(decided_projects(records, recordings.terms(forgotten_projects(opened)))))
    figures = {"projects": len(projects)}
    if projects:
        done = forget(
            projects,
            opened,
            recording=recordings.uri,
            answers=language_model.response_cache(),
            dry_run=config.dry_run,
        )
        for name in done.remade:
            context.log.info("%s is to be made again", name)
        for name in done.models:
            context.log.warning("%s learned from rows that are forgotten: train it again", name)
        figures |= {"rows": sum(done.rows.values()), "recorded_rows": done.recorded_rows}
        figures |= {"partitions": len(done.remade), "models": len(done.models)}
    context.add_output_metadata(figures)


@dg.job(description="Garbage collection of the store.")
def garbage_job() -> None:
    collect_garbage()


@dg.job(description="Acts on revoked and ended consent as `repair forget` does.")
def forget_job() -> None:
    forget_withdrawn()


JOBS = [garbage_job, forget_job]
SCHEDULES = [
    dg.ScheduleDefinition(
        job=forget_job, cron_schedule="30 0 * * *", description="Before the night's runs read the recording."
    ),
    dg.ScheduleDefinition(job=garbage_job, cron_schedule="0 12 * * 0", description="Sundays at noon."),
]
