"""Training program on Composer: a mixture and a recipe in, a checkpoint out.

Only a training process imports this module: it loads torch and Composer. Run it with
`python -m code_location.train_main --recipe tiny --mixture FOLDER --out FOLDER`, on several GPUs with
`composer -n 8 -m code_location.train_main ...`.
"""

import hashlib
import importlib.util
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.models.tokenizer import check_tokenizer, load_tokenizer, train_tokenizer
from repair.prompt.sentinels import PROMPT_VERSION, SENTINELS
from repair.store.atomic import whole_folder
from repair.training.batching import Plan, Row, evaluation_rows, plan
from repair.training.composer_model import PackedCausalModel
from repair.training.dataset import Mixture, MixtureError, Sample, read_mixture, tokenise
from repair.training.export import MADE_BY, TrainingResult, versions, write_notes
from repair.training.packed_attention import PackedRow, learned_tokens, packed_row
from repair.training.progress import LossCurve, ReportMetrics, at_batches
from repair.training.recipe import FromScratch, Recipe

with extra("train"):
    import torch
    from composer import Evaluator, Trainer
    from composer.algorithms import GradientClipping
    from composer.core import DataSpec
    from composer.optim import CosineAnnealingWithWarmupScheduler, DecoupledAdamW
    from composer.utils import dist, get_device
    from torch.utils.data import DataLoader, IterableDataset

_PROBES = 64  # texts that a tokenizer must round-trip unchanged


class _Steps(IterableDataset[list[PackedRow]]):
    """Iterable data set of this process's rows of each step."""

    def __init__(self, samples: Sequence[Sample], steps: Sequence[Sequence[Row]], pad_token: int) -> None:
        self.samples, self.steps, self.pad_token = samples, steps, pad_token

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[PackedRow]]:
        mine = slice(dist.get_global_rank(), None, dist.get_world_size())
        for rows in self.steps:
            yield [
                packed_row([self.samples[index] for index in row], pad_token=self.pad_token)
                for row in rows[mine]
            ]


def train(recipe: Recipe, mixture_uri: str, output_dir: str, report: ReportMetrics) -> TrainingResult:
    """Train by `recipe` on the mixture at `mixture_uri`, and write the checkpoint to `output_dir`.

    `report` is called with the metrics of each batch (`batch`, `loss`, `learning_rate`, `tokens`,
    `tokens_per_second`) and of each validation (`batch`, `validation_loss`), in every process. The
    output (model, tokenizer, `made_by.json`, `metrics.jsonl`) appears whole or not at all. Equal
    recipe, mixture and versions on one machine give equal weights.

    Raises MixtureError on a mixture that can't be used, ConfigurationError on a recipe that does not fit
    the machine or the base model.
    """
    started = time.monotonic()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    _check_attention(recipe)
    dist.initialize_dist(get_device(None))
    mixture = read_mixture(mixture_uri)
    torch.manual_seed(recipe.seed)
    model, tokenizer = _base(recipe, mixture)
    samples, too_long = tokenise(tokenizer, mixture.train, recipe.max_seq_len)
    held_out, held_out_too_long = tokenise(tokenizer, mixture.validation, recipe.max_seq_len)
    if not samples:
        raise MixtureError(
            f"{mixture_uri}: all {len(too_long)} training samples are longer than the recipe's "
            f"max_seq_len of {recipe.max_seq_len} tokens"
        )
    lengths = [len(sample.tokens) for sample in samples]
    steps = plan(lengths, recipe, processes=dist.get_world_size())
    progress = LossCurve(report, batches=len(steps.steps))
    warmup = min(recipe.schedule.warmup_batches, len(steps.steps) // 2)
    states = _states_folder(recipe, mixture, output_dir)
    trainer = _trainer(
        recipe,
        PackedCausalModel(model, tokenizer, recipe.attention),
        steps,
        samples,
        held_out,
        progress=progress,
        warmup=warmup,
        states=states,
    )
    try:
        trainer.fit()
        weights = _full_weights(trainer.state.model)
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
        samples=len(samples),
        validation_samples=len(held_out),
        left_out_too_long=len(too_long) + len(held_out_too_long),
        tokens=sum(lengths),
        learned_tokens=sum(len(sample.tokens) - sample.prompt_length for sample in samples),
        packing_efficiency=round(steps.efficiency(lengths, recipe.max_seq_len), 4),
        epochs=recipe.epochs,
        batches=len(steps.steps),
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
        }
        with whole_folder(output_dir, last=MADE_BY) as folder:
            model.save_pretrained(folder, state_dict=weights)
            tokenizer.save_pretrained(folder)
            write_notes(folder, made_by, progress.curve)
        if states and "://" not in states:
            shutil.rmtree(states, ignore_errors=True)
    dist.barrier()
    return result


def _check_attention(recipe: Recipe) -> None:
    if recipe.attention == "flash_attention_2" and not importlib.util.find_spec("flash_attn"):
        raise ConfigurationError(
            f"recipe {recipe.name}: attention is flash_attention_2, but flash-attn is not installed: use the "
            "GPU image (docker/train.Dockerfile), or override attention with 'sdpa'"
        )


def llama_config(base: FromScratch, context: int, *, vocabulary: int, **tokens: Any) -> Any:
    """Configuration of a Llama with random weights and tied embeddings."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=base.hidden_size,
        intermediate_size=base.intermediate_size,
        num_hidden_layers=base.layers,
        num_attention_heads=base.heads,
        num_key_value_heads=base.heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        **tokens,
    )


def _base(recipe: Recipe, mixture: Mixture) -> tuple[Any, Any]:
    """The base model, in 32 bits, and its tokenizer."""
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    base = recipe.base
    if isinstance(base, FromScratch):
        texts = [f"{record.prompt}{record.response}" for record in mixture.train]
        tokenizer = train_tokenizer(texts, base.vocabulary, context=recipe.max_seq_len)
        config = llama_config(
            base,
            recipe.max_seq_len,
            vocabulary=len(tokenizer),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        model: Any = LlamaForCausalLM._from_config(config, attn_implementation=recipe.attention)  # pyright: ignore[reportPrivateUsage]
    else:
        tokenizer = load_tokenizer(base.path, revision=base.revision)
        probes = [record.prompt + record.response for record in mixture.train[:_PROBES]]
        check_tokenizer(
            tokenizer,
            sorted(SENTINELS),
            probes,
            path=base.path,
            fewest=base.fewest_sentinel_tokens,
            most=base.most_sentinel_tokens,
        )
        model = AutoModelForCausalLM.from_pretrained(
            base.path, revision=base.revision, dtype=torch.float32, attn_implementation=recipe.attention
        )
        context = int(getattr(model.config, "max_position_embeddings", recipe.max_seq_len))
        if context < recipe.max_seq_len:
            raise ConfigurationError(
                f"recipe {recipe.name}: max_seq_len is {recipe.max_seq_len}; {base.path} reads {context}"
            )
    return model, tokenizer


def optimizer(recipe: Recipe, model: torch.nn.Module) -> DecoupledAdamW:
    """The recipe's optimizer for the parameters of `model`."""
    settings = recipe.optimizer
    return DecoupledAdamW(
        model.parameters(),
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
    warmup: int,
    states: str | None,
) -> Trainer:
    pad = model.pad_token
    evaluators: list[Evaluator] = []
    if held_out:
        rows = evaluation_rows(
            [len(sample.tokens) for sample in held_out], recipe.max_seq_len, processes=dist.get_world_size()
        )
        size = dist.get_world_size()
        data = _data(_Steps(held_out, [rows[i : i + size] for i in range(0, len(rows), size)], pad))
        evaluators.append(Evaluator(label="validation", dataloader=data, device_eval_microbatch_size=1))
    keep = recipe.resumption
    resume: dict[str, Any] = {}
    if keep and states:
        resume = {
            "save_folder": states,
            "save_interval": f"{keep.every_batches}ba",
            "save_num_checkpoints_to_keep": keep.keep,
            "autoresume": True,
            "run_name": Path(states).name,
        }
    return Trainer(
        model=model,
        train_dataloader=_data(_Steps(samples, steps.steps, pad)),
        max_duration=f"{len(steps.steps)}ba",
        optimizers=optimizer(recipe, model),
        schedulers=CosineAnnealingWithWarmupScheduler(f"{warmup}ba", alpha_f=recipe.schedule.alpha_f),
        algorithms=[GradientClipping(clipping_type="norm", clipping_threshold=recipe.clip_norm)],
        callbacks=[progress],
        eval_dataloader=evaluators or None,
        eval_interval=at_batches(set(steps.epoch_ends)) if evaluators else 1,
        parallelism_config=parallelism(recipe),
        precision=recipe.precision,
        device_train_microbatch_size=recipe.microbatch_rows,
        accumulate_train_batch_on_tokens=True,  # every learned token of a step counts alike
        seed=recipe.seed,
        progress_bar=False,
        **resume,
    )


def _data(steps: _Steps) -> DataSpec:
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


def _states_folder(recipe: Recipe, mixture: Mixture, output_dir: str) -> str | None:
    """The folder of an interrupted run's states, named by recipe, data and versions."""
    keep = recipe.resumption
    if keep is None:
        return None
    settings = {name: value for name, value in recipe.as_dict().items() if name != "resumption"}
    made_of = json.dumps([settings, mixture.fingerprint, PROMPT_VERSION, versions()], sort_keys=True)
    name = f"states-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    return f"{keep.folder.rstrip('/')}/{name}" if keep.folder else f"{output_dir.rstrip('/')}.{name}"


def _full_weights(model: torch.nn.Module) -> dict[str, Any]:
    """All weights on the CPU, gathered from all processes; every process has to take part."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    wrapped = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    inner: Any = wrapped.model
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(inner, options=options)
    # sharding splits tied weights into two equal ones; a checkpoint has the source only
    return {name: weight for name, weight in state.items() if name not in inner.all_tied_weights_keys}
