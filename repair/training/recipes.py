"""The named recipes."""

from repair.training.recipe import (
    FromScratch,
    Optimizer,
    Pretrained,
    Recipe,
    Resumption,
    Schedule,
    Sharding,
)

# A model from nothing in minutes on two CPU cores: it proves the road from examples to a checkpoint
# that decodes, not that a model repairs. Random weights need a far higher learning rate and a shorter
# warm-up than a pretrained model, and several hundred samples make few steps: hence small batches.
TINY = Recipe(
    name="tiny",
    base=FromScratch(vocabulary=2048, hidden_size=128, intermediate_size=384, layers=4, heads=4),
    max_seq_len=1536,
    global_batch_size=4,
    packing_ratio=2.0,
    epochs=3,
    optimizer=Optimizer(learning_rate=2e-3),
    schedule=Schedule(warmup_batches=10),
    threads=2,
)

# The published recipe, for one node of 8 H100. A sample has about 450 tokens, so that 6 of them fill
# two thirds of a row: rows of uneven samples still fit.
DEEPSEEK_CODER_7B = Recipe(
    name="deepseek-coder-7b-instruct-v1.5",
    base=Pretrained(path="deepseek-ai/deepseek-coder-7b-instruct-v1.5"),
    max_seq_len=4096,
    global_batch_size=16,
    packing_ratio=6.0,
    epochs=4,
    optimizer=Optimizer(learning_rate=1e-5, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0),
    schedule=Schedule(warmup_batches=100, alpha_f=0.01),
    clip_norm=1.0,
    precision="amp_bf16",
    attention="flash_attention_2",
    activation_checkpointing=True,
    sharding=Sharding(strategy="FULL_SHARD"),
    resumption=Resumption(),
)

RECIPES = {recipe.name: recipe for recipe in (TINY, DEEPSEEK_CODER_7B)}
