"""What a training run is made of: one frozen dataclass, checked when it is made.

A recipe says everything that decides the weights besides the data. The named ones stand in
`repair.training.recipes`; `load_recipe("tiny", {"epochs": 1, "optimizer.learning_rate": 1e-3})`
changes single values of one.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from repair.errors import ConfigurationError

ATTENTIONS = ("eager", "sdpa", "flash_attention_2")
PRECISIONS = ("fp32", "amp_bf16")


def _expect(holds: bool, setting: str, value: object, expected: str) -> None:
    if not holds:
        raise ConfigurationError(f"recipe: {setting} is {value!r}; expected {expected}")


def _expect_count(setting: str, value: object, *, least: int = 1) -> None:
    holds = isinstance(value, int) and not isinstance(value, bool) and value >= least
    _expect(holds, setting, value, f"a whole number of at least {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """A published causal language model that is trained on."""

    path: str
    """A Hugging Face model name, or a local folder in that format."""
    revision: str | None = None
    """The commit, tag or branch of a published model; pin it, a branch moves."""
    fewest_sentinel_tokens: int = 3
    most_sentinel_tokens: int = 5
    """How many tokens the tokenizer may make of one sentinel line of the prompt. Checked before
    training: outside of it, the tokenizer is not the one that the format was made for."""

    def __post_init__(self) -> None:
        _expect(bool(self.path), "base.path", self.path, "a model name or a folder")
        _expect_count("base.fewest_sentinel_tokens", self.fewest_sentinel_tokens)
        _expect_count(
            "base.most_sentinel_tokens", self.most_sentinel_tokens, least=self.fewest_sentinel_tokens
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FromScratch:
    """A small Llama with random weights, and a byte-level BPE tokenizer of its own."""

    vocabulary: int
    """Tokens that the tokenizer learns from the training texts, at most; 256 bytes and 3 special ones
    are always there."""
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int

    def __post_init__(self) -> None:
        _expect_count("base.vocabulary", self.vocabulary, least=259)
        for name in ("hidden_size", "intermediate_size", "layers", "heads"):
            _expect_count(f"base.{name}", getattr(self, name))
        _expect(
            self.hidden_size % (2 * self.heads) == 0,
            "base.hidden_size",
            self.hidden_size,
            f"a multiple of twice the {self.heads} heads (a head's rotary positions come in pairs)",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """DecoupledAdamW: weight decay is a share of the weight, not scaled by the learning rate."""

    learning_rate: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _expect(self.learning_rate > 0, "optimizer.learning_rate", self.learning_rate, "more than 0")
        _expect(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            "optimizer.betas",
            self.betas,
            "two numbers from 0 up to but not including 1",
        )
        _expect(self.eps > 0, "optimizer.eps", self.eps, "more than 0")
        _expect(0 <= self.weight_decay < 1, "optimizer.weight_decay", self.weight_decay, "0 up to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Linear warm-up, then half a cosine down to the end of the run."""

    warmup_batches: int = 100
    """At most half of the run's batches are spent on it; `made_by.json` says how many were."""
    alpha_f: float = 0.01
    """The last learning rate, as a share of the highest one."""

    def __post_init__(self) -> None:
        _expect_count("schedule.warmup_batches", self.warmup_batches, least=0)
        _expect(0 <= self.alpha_f <= 1, "schedule.alpha_f", self.alpha_f, "0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharding:
    """Fully sharded data parallelism over all processes, by Composer."""

    strategy: str = "FULL_SHARD"
    mixed_precision: str = "PURE"
    """PURE: weights in 32 bits, computed and communicated in the 16 bits of `precision`."""
    limit_all_gathers: bool = True
    activation_cpu_offload: bool = False

    def __post_init__(self) -> None:
        strategies = ("FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD")
        _expect(self.strategy in strategies, "sharding.strategy", self.strategy, f"one of {strategies}")
        kinds = ("DEFAULT", "PURE", "FULL")
        _expect(
            self.mixed_precision in kinds, "sharding.mixed_precision", self.mixed_precision, f"one of {kinds}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A run that was interrupted goes on from its last state, if recipe and data are the same."""

    every_batches: int = 200
    keep: int = 2
    """States that are kept; one of the 7B model is about 80 GB."""
    folder: str | None = None
    """A folder or URI that outlasts the run, in which each run has its own; None: beside the output."""

    def __post_init__(self) -> None:
        _expect_count("resumption.every_batches", self.every_batches)
        _expect_count("resumption.keep", self.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the weights besides the data."""

    name: str
    base: Pretrained | FromScratch
    max_seq_len: int
    """Tokens of a packed row, and the longest sample. A longer one is left out and counted."""
    global_batch_size: int = 16
    """Packed rows of one optimizer step at most, over all processes."""
    packing_ratio: float = 6.0
    """Samples that a packed row holds on average: a step takes `global_batch_size` times as many."""
    epochs: int = 4
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    clip_norm: float = 1.0
    """The norm that a step's gradient is scaled down to."""
    precision: str = "fp32"
    attention: str = "sdpa"
    microbatch_rows: int = 1
    """Packed rows that one process computes at a time; changes memory and speed, not the result."""
    activation_checkpointing: bool = False
    sharding: Sharding | None = None
    resumption: Resumption | None = None
    """None: an interrupted run starts again."""
    threads: int | None = None
    """CPU threads of the process; None leaves the choice to torch."""
    seed: int = 17

    def __post_init__(self) -> None:
        _expect(bool(self.name), "name", self.name, "a name")
        for name in ("max_seq_len", "global_batch_size", "epochs", "microbatch_rows"):
            _expect_count(name, getattr(self, name))
        _expect_count("seed", self.seed, least=0)
        if self.threads is not None:
            _expect_count("threads", self.threads)
        _expect(self.packing_ratio >= 1, "packing_ratio", self.packing_ratio, "at least 1 sample a row")
        _expect(self.clip_norm > 0, "clip_norm", self.clip_norm, "more than 0")
        _expect(self.precision in PRECISIONS, "precision", self.precision, f"one of {PRECISIONS}")
        _expect(self.attention in ATTENTIONS, "attention", self.attention, f"one of {ATTENTIONS}")
        _expect(
            self.attention != "flash_attention_2" or self.precision == "amp_bf16",
            "attention",
            self.attention,
            f"sdpa or eager with precision {self.precision}: flash attention computes in 16 bits only",
        )
        _expect(
            not self.activation_checkpointing or self.sharding is not None,
            "activation_checkpointing",
            self.activation_checkpointing,
            "false without sharding, which is what applies it",
        )

    @property
    def samples_per_step(self) -> int:
        """Samples that one optimizer step takes."""
        return max(1, round(self.global_batch_size * self.packing_ratio))

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready values; `kind` tells what `base` is."""
        return {**asdict(self), "base": {"kind": type(self.base).__name__, **asdict(self.base)}}
