"""Training of the adapter of `smollm2-135m`: tokens a second, against peft's own layers and SDPA with a mask.

    python bench/training.py [--steps 3] [--threads 2]

Samples have the lengths of simulated examples (some 290 tokens, 30 of them learned) and random tokens; a step
has 16 of them. Tokens are counted for a second of the wall clock, and for a second of a core's time, which a
busy machine changes less. The weights must be installed (`make setup`). A CPU without instructions for
bfloat16 computes in 32 bits, as the recipe does there. Each way has a process of its own, with the allocator
of the training processes; the last is the first with the system's.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from typing import Any

import torch

from repair.models.base import base_folder
from repair.training.base_model import computed_in
from repair.training.batching import plan
from repair.training.composer_model import PackedCausalModel
from repair.training.dataset import Sample
from repair.training.lora import with_adapter
from repair.training.packed_attention import packed_row, register_attention
from repair.training.recipe import Lora, Pretrained
from repair.training.recipes import load_recipe
from resources.allocator import preloaded_allocator

RECIPE = load_recipe("smollm2-135m")
SYSTEMS_MALLOC = "the recipe, with the system's malloc"


def samples(count: int) -> list[Sample]:
    """Random tokens in the lengths of simulated examples."""
    draw = random.Random(5)
    lengths = [(draw.randint(150, 370), draw.randint(20, 45)) for _ in range(count)]
    return [
        Sample(tuple(draw.randrange(100, 49_000) for _ in range(prompt + answer)), prompt)
        for prompt, answer in lengths
    ]


def pefts_own(model: Any, lora: Lora) -> Any:
    """`model` with peft's own layers."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def measure(
    name: str, *, steps: int, attention: str, dtype: torch.dtype, fused: bool, autocast: bool
) -> None:
    """Print the tokens a second of one way to compute the recipe's steps."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = RECIPE.base
    assert isinstance(base, Pretrained) and RECIPE.lora
    with base_folder(base.path, sha256=base.sha256) as folder:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    adapted = (with_adapter if fused else pefts_own)(model, RECIPE.lora)
    wrapped = PackedCausalModel(adapted, tokenizer, attention, autocast=autocast)
    trained = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    drawn = samples((steps + 1) * RECIPE.samples_per_step)
    rows = plan([len(sample.tokens) for sample in drawn], RECIPE).steps[: steps + 1]
    tokens = 0
    for number, step in enumerate(rows):
        if number == 1:  # the first one warms up
            tokens, wall, core = 0, time.perf_counter(), time.process_time()
        for row in step:
            batch = [packed_row([drawn[index] for index in row], pad_token=0)]
            wrapped.loss(wrapped(batch), batch).backward()
            tokens += len(batch[0]["input_ids"])
        optimizer.step()
        optimizer.zero_grad()
    wall, core = time.perf_counter() - wall, time.process_time() - core
    print(f"{name:<48} {tokens / wall:6.0f} tokens/s, {tokens / core:5.0f} a second of a core", flush=True)


def main() -> None:
    autocast = computed_in(RECIPE) == "amp_bf16"
    dtype = torch.bfloat16 if autocast else torch.float32
    ways = {
        "the recipe": ("per_sample", dtype, True),
        "peft's own layers": ("per_sample", dtype, False),
        "and SDPA with a block-diagonal mask": ("sdpa", dtype, False),
    }
    if autocast:
        ways["and a base in 32 bits, cast for each product"] = ("sdpa", torch.float32, False)
    ways[SYSTEMS_MALLOC] = ways["the recipe"]
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--steps", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--way", choices=ways, help="one way alone, in this process")
    options = arguments.parse_args()
    if options.way:
        torch.set_num_threads(options.threads)
        register_attention()
        attention, dtype, fused = ways[options.way]
        measure(
            options.way, steps=options.steps, attention=attention, dtype=dtype, fused=fused, autocast=autocast
        )
        return
    print(f"computed in {'bfloat16' if autocast else '32 bits'}", flush=True)
    for name in ways:
        allocator = {} if name == SYSTEMS_MALLOC else preloaded_allocator()
        subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--way", name], env=os.environ | allocator, check=True
        )


if __name__ == "__main__":
    main()
