"""Direct preference optimization (DPO; Rafailov et al. 2023) of a checkpoint, on Composer.

The loss of a pair is -log sigmoid(margin). The margin is beta times the nats by which the chosen answer has
become likelier than in the checkpoint, less those by which the rejected one has. The reference is the
checkpoint itself: its log-probabilities are computed once, before the first step. No second model is held.

Both answers of a pair share a packed row, whose samples do not see each other. An adapter goes on as an
adapter of the same base. One process; a training that was interrupted starts again.

Only a training process imports this module: it loads torch and Composer. Run it with
`python -m code_location.preference_main --checkpoint FOLDER --pairs STORE --out FOLDER`.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.models.made_by import check_base, read_made_by, weights_of
from repair.models.tokenizer import load_tokenizer
from repair.prompt.sentinels import PROMPT_VERSION
from repair.training.base_model import base_model, computed_in
from repair.training.composer_model import PackedCausalModel
from repair.training.dataset import Mixture, MixtureError
from repair.training.export import versions, write_checkpoint
from repair.training.lora import load_adapter
from repair.training.packed_attention import packed_row, register_attention
from repair.training.pairs import Pairs, PairSamples, read_pairs, tokenise_pairs
from repair.training.program import PackedSteps, full_weights, optimizer, packed_data
from repair.training.progress import LossCurve, NormClipping, ReportMetrics
from repair.training.recipe import Count, CountOrNone, Optimizer, Part, Positive, Recipe, Schedule

with extra("train"):
    import torch
    from composer import Trainer
    from composer.optim import CosineAnnealingWithWarmupScheduler


class Preference(Part):
    """What decides the weights besides the checkpoint, its recipe and the pairs."""

    beta: Positive = 0.1
    """The larger, the closer the model stays to the checkpoint."""
    epochs: Count = 1
    pairs_per_step: Count = 16
    optimizer: Optimizer = Optimizer(learning_rate=5e-6)
    schedule: Schedule = Schedule(warmup_batches=10)
    clip_norm: Positive = 1.0
    seed: CountOrNone = 17


DPO = Preference()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceResult:
    """Figures of a training on pairs. Margins are 0 before it."""

    pairs: int
    held_out_pairs: int
    left_out_too_long: int
    batches: int
    first_loss: float
    """Of the first batch: log 2, for all margins are 0."""
    last_loss: float
    margin: float
    """Mean over the training pairs."""
    held_out_margin: float | None
    """Mean over the held-out pairs; None: there is none."""
    held_out_accuracy: float | None
    """Share of the held-out pairs whose margin is above 0."""
    chosen_gain: float
    """Nats that a chosen answer of the training pairs has gained, on average. DPO may lower both answers."""
    seconds: float


class PreferenceModel(PackedCausalModel):
    """A causal model on rows of pairs; each answer is a group of its own, two for a pair."""

    reference: torch.Tensor
    """Negative log-probability of the answers in the checkpoint, [pairs, 2]: chosen, rejected."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        attention: str,
        *,
        pairs: PairSamples,
        beta: float,
        autocast: bool,
    ) -> None:
        super().__init__(model, tokenizer, attention, autocast=autocast)
        self.beta = beta
        self.groups = dict(pairs.answers)
        self.register_buffer("reference", torch.zeros(len(pairs.samples) // 2, 2), persistent=False)

    def gains(self, outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Log-probability that the answers of a batch's pairs have gained over the reference, [n, 2]."""
        there = outputs["tokens"].view(-1, 2)[:, 0] > 0
        return (self.reference - outputs["totals"].view(-1, 2))[there]

    def loss(self, outputs: Any, batch: Any) -> torch.Tensor:
        gains = self.gains(outputs)
        return -torch.nn.functional.logsigmoid(self.beta * (gains[:, 0] - gains[:, 1])).mean()


def train_preferences(
    checkpoint: str, pairs_uri: str, output_dir: str, report: ReportMetrics, settings: Preference = DPO
) -> PreferenceResult:
    """Train the checkpoint in a local folder on the pairs at `pairs_uri`, and write it to `output_dir`.

    `report` is called with the metrics of each batch. The output appears whole or not at all; its
    `made_by.json` is the checkpoint's own, with `preference` for what was done since.

    Raises:
        ConfigurationError: the checkpoint knows another version of the prompt, or its base is another one.
        MixtureError: there are no pairs to train on.
    """
    started = time.monotonic()
    folder = Path(checkpoint)
    made_by = read_made_by(folder)
    if made_by["prompt_version"] != PROMPT_VERSION:
        raise ConfigurationError(
            f"the checkpoint {checkpoint} knows version {made_by['prompt_version']} of the prompt, and the"
            f" pairs are asked with version {PROMPT_VERSION}"
        )
    recipe = Recipe.model_validate(made_by["recipe"])
    pairs = read_pairs(pairs_uri)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(settings.seed)
    model, tokenizer = _loaded(folder, recipe, made_by, pairs)
    samples = tokenise_pairs(tokenizer, pairs, recipe.max_seq_len)
    if not samples.train:
        raise MixtureError(f"{pairs_uri}: no pair fits a row of {recipe.max_seq_len} tokens")
    autocast = computed_in(recipe) == "amp_bf16" and not torch.cuda.is_available()
    wrapped = PreferenceModel(
        model, tokenizer, recipe.attention, pairs=samples, beta=settings.beta, autocast=autocast
    )
    everything = [*samples.train, *samples.held_out]
    wrapped.reference[everything] = -_gains(wrapped, samples, everything)
    curve, weights = _fit(wrapped, recipe, settings, samples, report)
    own = _gains(wrapped, samples, samples.train)
    held_out = _gains(wrapped, samples, samples.held_out) if samples.held_out else None
    losses = [figures["loss"] for figures in curve]
    result = PreferenceResult(
        pairs=len(samples.train),
        held_out_pairs=len(samples.held_out),
        left_out_too_long=len(samples.too_long),
        batches=len(losses),
        first_loss=losses[0],
        last_loss=losses[-1],
        margin=_margin(own, settings.beta),
        held_out_margin=None if held_out is None else _margin(held_out, settings.beta),
        held_out_accuracy=None if held_out is None else _accuracy(held_out),
        chosen_gain=float(own[:, 0].mean()),
        seconds=round(time.monotonic() - started, 2),
    )
    preference = {
        "settings": settings.model_dump(mode="json"),
        "result": asdict(result),
        "pairs_sha256": pairs.fingerprint,
        "left_out_too_long": list(samples.too_long),
        "checkpoint_sha256": weights_of(folder),
        "versions": versions(),
    }
    write_checkpoint(
        output_dir, model, tokenizer, recipe, weights, {**made_by, "preference": preference}, curve
    )
    return result


def _loaded(folder: Path, recipe: Recipe, made_by: Mapping[str, Any], pairs: Pairs) -> tuple[Any, Any]:
    """The checkpoint's model as it can be trained on, and its tokenizer."""
    if not recipe.lora:
        register_attention()
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation=recipe.attention, use_safetensors=True
        )
        return model, load_tokenizer(folder)
    chosen = Mixture([pair.records()[0] for pair in pairs.train], [], pairs.fingerprint)
    model, tokenizer, base = base_model(recipe, chosen)
    check_base(folder, made_by, (base or {})["weights_sha256"])
    load_adapter(model, folder)
    return model, tokenizer


def _fit(
    model: PreferenceModel,
    recipe: Recipe,
    settings: Preference,
    samples: PairSamples,
    report: ReportMetrics,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The loss curve, and the weights; None of an adapter."""
    steps = _steps(samples.train, settings)
    clipping = NormClipping(settings.clip_norm)
    progress = LossCurve(report, batches=len(steps), clipping=clipping)
    warmup = min(settings.schedule.warmup_batches, len(steps) // 2)
    trainer = Trainer(
        model=model,
        train_dataloader=packed_data(PackedSteps(samples.samples, steps, model.pad_token, model.groups)),
        max_duration=f"{len(steps)}ba",
        optimizers=optimizer(recipe.model_copy(update={"optimizer": settings.optimizer}), model),
        schedulers=CosineAnnealingWithWarmupScheduler(f"{warmup}ba", alpha_f=settings.schedule.alpha_f),
        algorithms=[clipping],
        callbacks=[progress],
        precision=recipe.precision if torch.cuda.is_available() else "fp32",
        device_train_microbatch_size=recipe.microbatch_rows,
        seed=settings.seed,
        progress_bar=False,
    )
    try:
        trainer.fit()
        weights = None if recipe.lora else full_weights(trainer.state.model)
    finally:
        trainer.close()
    return progress.curve, weights


def _steps(pairs: Sequence[int], settings: Preference) -> list[list[list[int]]]:
    """The rows of each step, one for a pair: all pairs in a seeded order, epoch by epoch."""
    steps: list[list[list[int]]] = []
    for epoch in range(settings.epochs):
        order = list(pairs)
        random.Random(f"{settings.seed}/{epoch}").shuffle(order)  # noqa: S311  # no secret
        rows = [[2 * number, 2 * number + 1] for number in order]
        steps += [
            rows[start : start + settings.pairs_per_step]
            for start in range(0, len(rows), settings.pairs_per_step)
        ]
    return steps


def _gains(model: PreferenceModel, samples: PairSamples, pairs: Sequence[int]) -> torch.Tensor:
    """What the answers of these pairs have gained over the reference so far, [pairs, 2]."""
    model.eval()
    found: list[torch.Tensor] = []
    with torch.no_grad():
        for number in pairs:
            row = packed_row(
                samples.samples[2 * number : 2 * number + 2], pad_token=model.pad_token, groups=model.groups
            )
            on_device = {name: tensor.to(model.reference.device) for name, tensor in row.items()}
            found.append(model.gains(model.forward([on_device])))
    model.train()
    return torch.cat(found)


def _margin(gains: torch.Tensor, beta: float) -> float:
    return float(beta * (gains[:, 0] - gains[:, 1]).mean())


def _accuracy(gains: torch.Tensor) -> float:
    return float((gains[:, 0] > gains[:, 1]).double().mean())
