"""Tokenizers: byte-level BPE training, and the same encoding for training and decoding.

Text is never parsed as a special token: a user's file may contain the characters of an end-of-text token, and
must not end a sample. So special tokens are inserted by id only.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"


def train_tokenizer(texts: Iterable[str], vocabulary: int, *, context: int) -> Any:
    """Train a byte-level BPE tokenizer on `texts`: a Hugging Face fast tokenizer.

    Digits are single tokens, so that a line number is spelled the same wherever it occurs.
    """
    with extra("train"):
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
        from transformers import PreTrainedTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN, END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(path: str | Path, *, revision: str | None = None) -> Any:
    """Load the tokenizer that is stored with a model."""
    with extra("train"):
        from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(path), revision=revision)
    if tokenizer.eos_token_id is None:
        raise ConfigurationError(f"the tokenizer of {path} has no end-of-text token: an answer has no end")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def encode_prompts(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """The tokens of each prompt, with the tokenizer's begin token and without an end token."""
    encoded: list[list[int]] = tokenizer(list(prompts), split_special_tokens=True, verbose=False)["input_ids"]
    end = tokenizer.eos_token_id
    return [tokens[:-1] if tokens and tokens[-1] == end else tokens for tokens in encoded]


def encode_responses(tokenizer: Any, responses: Sequence[str]) -> list[list[int]]:
    """The tokens of each response, with the end-of-text token."""
    encoded: list[list[int]] = tokenizer(
        list(responses), add_special_tokens=False, split_special_tokens=True, verbose=False
    )["input_ids"]
    return [[*tokens, tokenizer.eos_token_id] for tokens in encoded]


def check_tokenizer(
    tokenizer: Any, sentinels: Iterable[str], texts: Iterable[str], *, path: str, fewest: int, most: int
) -> None:
    """Check that the tokenizer of `path` suits the prompt format.

    It must round-trip every text, and make `fewest` to `most` tokens of each sentinel. Raises
    ConfigurationError, which names the sentinel or the text.
    """
    for sentinel in sentinels:
        count = len(tokenizer(sentinel, add_special_tokens=False, split_special_tokens=True)["input_ids"])
        if not fewest <= count <= most:
            raise ConfigurationError(
                f"the tokenizer of {path} makes {count} tokens of {sentinel!r}; the recipe expects "
                f"{fewest} to {most}: check the base model's revision, or change base.*_sentinel_tokens"
            )
    for text in texts:
        tokens = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        back = tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
        if back != text:
            raise ConfigurationError(
                f"the tokenizer of {path} does not give back the encoded text: "
                f"{text[:80]!r} became {back[:80]!r}; a diff must equal the file's characters exactly"
            )
