"""Training program on Composer: a mixture and a recipe in, a checkpoint out.

Only a training process imports this module: it loads torch and Composer. Run it with
`python -m code_location.train_main --recipe tiny --mixture FOLDER --out FOLDER`, on several GPUs with
`composer -n 8 -m code_location.train_main ...`.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from repair.extras import extra
from repair.prompt.sentinels import PROMPT_VERSION
from repair.training.base_model import base_model, check_attention, computed_in
from repair.training.batching import Plan, Row, evaluation_rows, plan
from repair.training.composer_model import PackedCausalModel
from repair.training.dataset import Mixture, MixtureError, Sample, read_mixture, tokenise
from repair.training.export import TrainingResult, versions, write_checkpoint
from repair.training.packed_attention import PackedRow, learned_tokens, packed_row
from repair.training.progress import LossCurve, NormClipping, ReportMetrics, at_batches
from repair.training.recipe import Recipe
from repair.training.states import locked_states

with extra("train"):
    import torch
    from composer import Evaluator, Trainer
    from composer.core import DataSpec
    from composer.loggers import TensorboardLogger
    from composer.optim import CosineAnnealingWithWarmupScheduler, DecoupledAdamW
    from composer.utils import dist, get_device
    from torch.utils.data import DataLoader, IterableDataset


class PackedSteps(IterableDataset[list[PackedRow]]):
    """Iterable data set of this process's rows of each step."""

    def __init__(
        self,
        samples: Sequence[Sample],
        steps: Sequence[Sequence[Row]],
        pad_token: int,
        groups: Mapping[str, int],
    ) -> None:
        self.samples, self.steps, self.pad_token, self.groups = samples, steps, pad_token, groups

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[PackedRow]]:
        mine = slice(dist.get_global_rank(), None, dist.get_world_size())
        for rows in self.steps:
            yield [
                packed_row(
                    [self.samples[index] for index in row], pad_token=self.pad_token, groups=self.groups
                )
                for row in rows[mine]
            ]


def train(
    recipe: Recipe,
    mixture_uri: str,
    output_dir: str,
    report: ReportMetrics,
    *,
    states: str | None = None,
    tensorboard: str | None = None,
) -> TrainingResult:
    """Train by `recipe` on the mixture at `mixture_uri`, and write the checkpoint to `output_dir`.

    `report` is called with the metrics of each batch (`batch`, `loss`, `gradient_norm`, `learning_rate`,
    `tokens`, `tokens_per_second`, `seconds_left`) and of each validation (`batch`, `validation_loss`,
    `validation_loss_by_type`), in every process. The output (model or adapter, tokenizer, `made_by.json`,
    `metrics.jsonl`) appears whole or not at all. Equal recipe, mixture and versions on one machine give equal
    weights.

    `states` is a folder for the states of a recipe with resumption that names none itself, `tensorboard` one
    for the logs of TensorBoard.

    Raises MixtureError on a mixture that can't be used, ConfigurationError on a recipe that does not fit
    the machine or the base model.
    """
    started = time.monotonic()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    check_attention(recipe)
    dist.initialize_dist(get_device(None))
    mixture = read_mixture(mixture_uri)
    kept = _states_folder(recipe, mixture, output_dir, states)
    with locked_states(Path(kept) if kept and _is_local(kept) and dist.get_local_rank() == 0 else None):
        dist.barrier()
        result = _train(recipe, mixture, mixture_uri, output_dir, report, kept, tensorboard, started)
        dist.barrier()
    return result


def _train(
    recipe: Recipe,
    mixture: Mixture,
    mixture_uri: str,
    output_dir: str,
    report: ReportMetrics,
    states: str | None,
    tensorboard: str | None,
    started: float,
) -> TrainingResult:
    torch.manual_seed(recipe.seed)
    precision = computed_in(recipe)
    model, tokenizer, base = base_model(recipe, mixture)
    samples, too_long = tokenise(tokenizer, mixture.train, recipe.max_seq_len)
    held_out, held_out_too_long = tokenise(tokenizer, mixture.validation, recipe.max_seq_len)
    if not samples:
        raise MixtureError(
            f"{mixture_uri}: all {len(too_long)} training samples are longer than the recipe's "
            f"max_seq_len of {recipe.max_seq_len} tokens"
        )
    lengths = [len(sample.tokens) for sample in samples]
    steps = plan(lengths, recipe, processes=dist.get_world_size())
    clipping = NormClipping(recipe.clip_norm)
    progress = LossCurve(report, batches=len(steps.steps), clipping=clipping)
    warmup = min(recipe.schedule.warmup_batches, len(steps.steps) // 2)
    kinds = sorted({sample.diagnostic_type for sample in held_out})
    groups = {kind: number for number, kind in enumerate(kinds)}
    trainer = _trainer(
        recipe,
        PackedCausalModel(
            model,
            tokenizer,
            recipe.attention,
            groups=groups,
            autocast=precision == "amp_bf16" and not torch.cuda.is_available(),
        ),
        steps,
        samples,
        held_out,
        progress=progress,
        clipping=clipping,
        warmup=warmup,
        states=states,
        tensorboard=tensorboard,
    )
    try:
        trainer.fit()
        weights = None if recipe.lora else full_weights(trainer.state.model)
    finally:
        trainer.close()
    losses = progress.losses
    few = max(1, min(10, len(losses) // 10))
    batches = [record for record in progress.curve if "loss" in record]
    result = TrainingResult(
        checkpoint=output_dir,
        recipe=recipe.name,
        data_fingerprint=mixture.fingerprint,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trained_parameters=sum(
            parameter.numel() for parameter in model.parameters() if parameter.requires_grad
        ),
        samples=len(samples),
        validation_samples=len(held_out),
        left_out_too_long=len(too_long) + len(held_out_too_long),
        tokens=sum(lengths),
        learned_tokens=sum(len(sample.tokens) - sample.prompt_length for sample in samples),
        packing_efficiency=round(steps.efficiency(lengths, recipe.max_seq_len), 4),
        epochs=recipe.epochs,
        batches=len(steps.steps),
        precision=precision,
        warmup_batches=warmup,
        resumed_from_batch=progress.resumed_from,
        first_loss=sum(losses[:few]) / few,
        last_loss=sum(losses[-few:]) / few,
        validation_loss=progress.validation_losses[-1] if progress.validation_losses else None,
        seconds=round(time.monotonic() - started, 2),
        tokens_per_second=round(
            sum(record["tokens"] for record in batches) / sum(record["seconds"] for record in batches), 1
        ),
    )
    if dist.get_global_rank() == 0:
        made_by = {
            "recipe": recipe.as_dict(),
            # a checkpoint may move, so its folder is not part of its provenance
            "result": {name: value for name, value in result.as_dict().items() if name != "checkpoint"},
            "left_out_too_long": sorted([*too_long, *held_out_too_long]),
            "prompt_version": PROMPT_VERSION,
            "versions": versions(),
            **({"base": base} if base else {}),
        }
        write_checkpoint(output_dir, model, tokenizer, recipe, weights, made_by, progress.curve)
        if states and _is_local(states):
            shutil.rmtree(states, ignore_errors=True)
    return result


def _is_local(states: str | None) -> bool:
    return states is not None and "://" not in states


def optimizer(recipe: Recipe, model: torch.nn.Module) -> DecoupledAdamW:
    """The recipe's optimizer for the parameters of `model` that have a gradient."""
    settings = recipe.optimizer
    return DecoupledAdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
    )


def parallelism(recipe: Recipe) -> dict[str, Any] | None:
    """The recipe's FSDP settings as Composer's `parallelism_config`."""
    sharding = recipe.sharding
    if sharding is None:
        return None
    return {
        "fsdp": {
            "sharding_strategy": sharding.strategy,
            "mixed_precision": sharding.mixed_precision,
            "limit_all_gathers": sharding.limit_all_gathers,
            "activation_checkpointing": recipe.activation_checkpointing,
            "activation_checkpointing_reentrant": False,
            "activation_cpu_offload": sharding.activation_cpu_offload,
            "state_dict_type": "full",
        }
    }


def _trainer(
    recipe: Recipe,
    model: PackedCausalModel,
    steps: Plan,
    samples: Sequence[Sample],
    held_out: Sequence[Sample],
    *,
    progress: LossCurve,
    clipping: NormClipping,
    warmup: int,
    states: str | None,
    tensorboard: str | None,
) -> Trainer:
    pad = model.pad_token
    evaluators: list[Evaluator] = []
    if held_out:
        rows = evaluation_rows(
            [len(sample.tokens) for sample in held_out], recipe.max_seq_len, processes=dist.get_world_size()
        )
        size = dist.get_world_size()
        batches = [rows[i : i + size] for i in range(0, len(rows), size)]
        data = packed_data(PackedSteps(held_out, batches, pad, model.groups))
        evaluators.append(Evaluator(label="validation", dataloader=data, device_eval_microbatch_size=1))
    keep = recipe.resumption
    resume: dict[str, Any] = {}
    if keep and states:
        resume = {
            "save_folder": states,
            "save_interval": f"{keep.every_batches}ba",
            "save_num_checkpoints_to_keep": keep.keep,
            "autoresume": True,
            "load_strict_model_weights": recipe.lora is None,  # the state of an adapter has no base
            "run_name": Path(states).name,
        }
    return Trainer(
        model=model,
        train_dataloader=packed_data(PackedSteps(samples, steps.steps, pad, model.groups)),
        max_duration=f"{len(steps.steps)}ba",
        optimizers=optimizer(recipe, model),
        schedulers=CosineAnnealingWithWarmupScheduler(f"{warmup}ba", alpha_f=recipe.schedule.alpha_f),
        algorithms=[clipping],
        callbacks=[progress],
        loggers=[TensorboardLogger(log_dir=tensorboard, flush_interval=10)] if tensorboard else None,
        eval_dataloader=evaluators or None,
        eval_interval=at_batches(set(steps.epoch_ends)) if evaluators else 1,
        parallelism_config=parallelism(recipe),
        precision=recipe.precision if torch.cuda.is_available() else "fp32",
        device_train_microbatch_size=recipe.microbatch_rows,
        accumulate_train_batch_on_tokens=True,  # every learned token of a step counts alike
        seed=recipe.seed,
        progress_bar=False,
        **resume,
    )


def packed_data(steps: PackedSteps) -> DataSpec:
    def split(batch: list[PackedRow], size: int | float) -> list[list[PackedRow]]:
        return [batch[start : start + int(size)] for start in range(0, len(batch), int(size))]

    def tokens(batch: list[PackedRow]) -> dict[str, int]:
        return {
            "total": sum(int(row["lengths"].sum()) for row in batch),
            "loss_generating": sum(learned_tokens(row) for row in batch),
        }

    return DataSpec(
        DataLoader(steps, batch_size=None),
        split_batch=split,
        get_num_samples_in_batch=lambda batch: sum(len(row["lengths"]) for row in batch),
        get_num_tokens_in_batch=tokens,
    )


def _states_folder(recipe: Recipe, mixture: Mixture, output_dir: str, folder: str | None) -> str | None:
    """The folder of an interrupted run's states, named by recipe, data and versions."""
    keep = recipe.resumption
    if keep is None:
        return None
    settings = {name: value for name, value in recipe.as_dict().items() if name != "resumption"}
    made_of = json.dumps([settings, mixture.fingerprint, PROMPT_VERSION, versions()], sort_keys=True)
    name = f"states-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    folder = keep.folder or folder
    return f"{folder.rstrip('/')}/{name}" if folder else f"{output_dir.rstrip('/')}.{name}"


def full_weights(model: torch.nn.Module) -> dict[str, Any]:
    """All weights on the CPU, gathered from all processes; every process has to take part."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    wrapped = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    inner: Any = wrapped.model
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(inner, options=options)
    # sharding splits tied weights into two equal ones; a checkpoint has the source only
    return {name: weight for name, weight in state.items() if name not in inner.all_tied_weights_keys}
