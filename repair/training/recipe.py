"""Training recipe: everything that decides the weights besides the data, as frozen pydantic models.

The named ones are in `repair.training.recipes`; `load_recipe("tiny", {"epochs": 1,
"optimizer.learning_rate": 1e-3})` changes single values of one.
"""

from typing import Annotated, Any, Literal, Self

from repair.configuration import Expected
from repair.extras import extra

with extra("train"):
    from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1), Expected("a whole number of at least 1")]
CountOrNone = Annotated[int, Field(ge=0), Expected("a whole number of at least 0")]
Positive = Annotated[float, Field(gt=0), Expected("a number above 0")]
Name = Annotated[str, Field(min_length=1), Expected("a name that is not empty")]
Precision = Literal["fp32", "amp_bf16"]
# JSON has no tuples
Betas = Annotated[
    tuple[Annotated[float, Field(strict=True, ge=0, lt=1)], Annotated[float, Field(strict=True, ge=0, lt=1)]],
    Field(strict=False),
    Expected("two numbers from 0 up to but not including 1"),
]


class Part(BaseModel):
    """Base class of a recipe's parts: a strict model, no `"4"` for 4, no true for 1."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Pretrained(Part):
    """A published causal language model as the base."""

    kind: Literal["Pretrained"] = "Pretrained"
    path: Annotated[
        str, Field(min_length=1), Expected("a model name, a folder or URI, or package:NAME/FILE.gguf")
    ]
    """A Hugging Face model name, a folder in that format (`gs://` too), or the GGUF file of an installed
    package (`repair.models.base`)."""
    revision: str | None = None
    """The commit, tag or branch of a published model; pin it, a branch moves."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$"), Expected("64 hexadecimal digits")] | None = None
    """Of a package's GGUF file."""
    fewest_sentinel_tokens: Count = 3
    most_sentinel_tokens: Count = 5
    """Tokens that the tokenizer may make of one sentinel line of the prompt. Checked before training: with
    another number, it is not the tokenizer that the format was made for."""

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        if self.most_sentinel_tokens < self.fewest_sentinel_tokens:
            raise ValueError(
                f"most_sentinel_tokens is {self.most_sentinel_tokens};"
                f" expected a whole number of at least {self.fewest_sentinel_tokens}"
            )
        return self


class FromScratch(Part):
    """A small Llama with random weights, and a byte-level BPE tokenizer of its own."""

    kind: Literal["FromScratch"] = "FromScratch"
    vocabulary: Annotated[int, Field(ge=259), Expected("a whole number of at least 259")]
    """The most tokens that the tokenizer learns from the training texts; 256 bytes and 3 special ones are
    always included."""
    hidden_size: Count
    intermediate_size: Count
    layers: Count
    heads: Count

    @model_validator(mode="after")
    def _heads_divide_the_hidden_size(self) -> Self:
        if self.hidden_size % (2 * self.heads):
            raise ValueError(
                f"hidden_size is {self.hidden_size}; expected a multiple of twice the {self.heads} heads"
                " (a head's rotary positions come in pairs)"
            )
        return self


class Lora(Part):
    """Low-rank adaptation (LoRA) of all linear layers but the output; the base itself stays as it is."""

    rank: Count = 8
    alpha: Count = 16
    """The update is scaled by alpha / rank."""


class Optimizer(Part):
    """DecoupledAdamW: weight decay is a share of the weight, not scaled by the learning rate."""

    learning_rate: Positive = 1e-5
    betas: Betas = (0.9, 0.99)
    eps: Positive = 1e-8
    weight_decay: Annotated[float, Field(ge=0, lt=1), Expected("0 up to 1")] = 0.0


class Schedule(Part):
    """Linear warm-up, then cosine decay to the end of the run."""

    warmup_batches: CountOrNone = 100
    """At most half of the run's batches; `made_by.json` has the real number."""
    alpha_f: Annotated[float, Field(ge=0, le=1), Expected("0 to 1")] = 0.01
    """The last learning rate, as a share of the highest one."""


class Sharding(Part):
    """Fully sharded data parallelism (FSDP) over all processes, by Composer."""

    strategy: Literal["FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD"] = "FULL_SHARD"
    mixed_precision: Literal["DEFAULT", "PURE", "FULL"] = "PURE"
    """PURE: weights in 32 bits, computed and communicated in the 16 bits of `precision`."""
    limit_all_gathers: bool = True
    activation_cpu_offload: bool = False


class Resumption(Part):
    """Resumption of an interrupted run from its last state, if recipe and data are the same."""

    every_batches: Count = 200
    keep: Count = 2
    """The number of last states to keep; one of the 7B model is about 80 GB."""
    folder: str | None = None
    """A persistent folder or URI, in which each run has its own subfolder; None: beside the output."""


class Recipe(Part):
    """Everything that decides the weights besides the data."""

    name: Name
    base: Annotated[Pretrained | FromScratch, Field(discriminator="kind")]
    lora: Lora | None = None
    """None: all weights are trained. Else the checkpoint is an adapter."""
    max_seq_len: Count
    """Tokens of a packed row, and the longest sample. A longer one is left out and counted."""
    global_batch_size: Count = 16
    """The most packed rows of one optimizer step, over all processes."""
    packing_ratio: Annotated[float, Field(ge=1), Expected("at least 1 sample a row")] = 6.0
    """Samples per packed row on average: a step takes `global_batch_size` times that number."""
    epochs: Count = 4
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    clip_norm: Positive = 1.0
    """Gradient clipping: the largest norm of a step's gradient."""
    precision: Precision = "fp32"
    """A CPU without instructions for bfloat16 computes in 32 bits all the same."""
    attention: Literal["eager", "sdpa", "per_sample", "flash_attention_2"] = "sdpa"
    microbatch_rows: Count = 1
    """Microbatch: packed rows that one process computes at a time; affects memory and speed only."""
    activation_checkpointing: bool = False
    sharding: Sharding | None = None
    resumption: Resumption | None = None
    """None: an interrupted run starts from the beginning."""
    threads: Count | None = None
    """CPU threads of the process; None leaves the choice to torch."""
    seed: CountOrNone = 17

    @model_validator(mode="after")
    def _flash_attention_computes_in_16_bits(self) -> Self:
        if self.attention == "flash_attention_2" and self.precision != "amp_bf16":
            raise ValueError(
                f"attention is {self.attention!r}; expected sdpa or eager with precision {self.precision}:"
                " flash attention computes in 16 bits only"
            )
        return self

    @model_validator(mode="after")
    def _sharding_applies_checkpointing(self) -> Self:
        if self.activation_checkpointing and self.sharding is None:
            raise ValueError(
                "activation_checkpointing is True; expected false without sharding, which is what applies it"
            )
        return self

    @model_validator(mode="after")
    def _an_adapter_has_a_base(self) -> Self:
        if self.lora and (self.sharding or not isinstance(self.base, Pretrained)):
            raise ValueError(
                "lora is set; expected null with random weights, which an adapter would keep as they are, and"
                " with sharding, which was never tried together"
            )
        return self

    @property
    def samples_per_step(self) -> int:
        """Samples of one optimizer step."""
        return max(1, round(self.global_batch_size * self.packing_ratio))

    def as_dict(self) -> dict[str, Any]:
        """The recipe as JSON values; `kind` says which class `base` is."""
        return self.model_dump(mode="json")
