"""A small Llama of random weights in Hugging Face format, with its tokenizer."""

from pathlib import Path
from typing import Any


def save_llama(folder: Path, tokenizer: Any, *, context: int, seed: int, **sizes: int) -> None:
    """Write the model to `folder`; `sizes` are settings of `LlamaConfig`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
