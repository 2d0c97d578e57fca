"""Base model of a training: random weights, or a pretrained model, with a new adapter if the recipe has one.

Only a training process imports this module: it loads torch.

Tested by `tests/repair/training/test_lora.py` and `tests/repair/training/test_program.py`.
"""

import importlib.util
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.models.base import base_folder
from repair.models.made_by import weights_of
from repair.models.processor import cpu_has_bf16
from repair.models.tokenizer import check_tokenizer, load_tokenizer, train_tokenizer
from repair.prompt.sentinels import SENTINELS
from repair.training.dataset import Mixture
from repair.training.packed_attention import register_attention
from repair.training.recipe import FromScratch, Precision, Pretrained, Recipe

with extra("train"):
    import torch

_PROBES = 64  # texts that a tokenizer must round-trip unchanged


def base_model(recipe: Recipe, mixture: Mixture) -> tuple[Any, Any, dict[str, Any] | None]:
    """The model that is trained, its tokenizer, and what identifies the weights of an adapter's base."""
    register_attention()
    if isinstance(recipe.base, FromScratch):
        return *_from_scratch(recipe, recipe.base, mixture), None
    model, tokenizer, made_of = _pretrained(recipe, recipe.base, mixture)
    if recipe.lora:
        from repair.training.lora import with_adapter

        model = with_adapter(model, recipe.lora)
    return model, tokenizer, made_of if recipe.lora else None


def computed_in(recipe: Recipe, *, gpu: bool | None = None, cpu_bf16: bool | None = None) -> Precision:
    """Precision of a training here: the recipe's, or 32 bits on a CPU without instructions for bfloat16.

    `gpu`, `cpu_bf16`: what the machine has; None: what this one has.
    """
    gpu = torch.cuda.is_available() if gpu is None else gpu
    cpu_bf16 = cpu_has_bf16() if cpu_bf16 is None else cpu_bf16
    return recipe.precision if gpu or cpu_bf16 else "fp32"


def check_attention(recipe: Recipe) -> None:
    """Raises ConfigurationError if the recipe's attention is not installed."""
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


def _from_scratch(recipe: Recipe, base: FromScratch, mixture: Mixture) -> tuple[Any, Any]:
    from transformers import LlamaForCausalLM

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
    return model, tokenizer


def _pretrained(recipe: Recipe, base: Pretrained, mixture: Mixture) -> tuple[Any, Any, dict[str, Any]]:
    from transformers import AutoModelForCausalLM

    # an adapter's base has no gradient: it is stored as it is computed with
    dtype = torch.bfloat16 if recipe.lora and computed_in(recipe) == "amp_bf16" else torch.float32
    with base_folder(base.path, sha256=base.sha256) as folder:
        tokenizer = load_tokenizer(folder, revision=base.revision)
        probes = [record.prompt + record.response for record in mixture.train[:_PROBES]]
        check_tokenizer(
            tokenizer,
            sorted(SENTINELS),
            probes,
            path=base.path,
            fewest=base.fewest_sentinel_tokens,
            most=base.most_sentinel_tokens,
        )
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, revision=base.revision, dtype=dtype, attn_implementation=recipe.attention
        )
        made_of = {"path": base.path, "revision": base.revision, "weights_sha256": weights_of(Path(folder))}
    context = int(getattr(model.config, "max_position_embeddings", recipe.max_seq_len))
    if context < recipe.max_seq_len:
        raise ConfigurationError(
            f"recipe {recipe.name}: max_seq_len is {recipe.max_seq_len}; {base.path} reads {context}"
        )
    return model, tokenizer, made_of
