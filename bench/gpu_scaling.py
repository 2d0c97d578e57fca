"""The scaling study's points on one GPU: LoRA training and greedy decoding, in torch and transformers alone.

    python bench/gpu_scaling.py BUNDLE --out answers     # of what bench/gpu_bundle.py packed; minutes

A bundle has the base's weights, and for each point its tokens, the rows of each step and the prompts:
neither this project's environment nor a network is needed here. What training computes is what
`repair.training` does: packed rows whose samples do not see each other, the loss of the answers alone, every
learned token of a step alike, a warm-up and a cosine. A point that has its answers already is left out, so
that a run that was cut off goes on. Texts are scored where the benchmark is (`bench/gpu_bundle.py --score`).
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

PROMPTS_AT_ONCE = 128
END, PAD = "eos_token_id", "pad_token_id"


class LowRank(torch.nn.Module):
    """LoRA: a linear layer whose own weight is fixed, and the product of two narrow ones (Hu et al. 2021)."""

    def __init__(self, base: torch.nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scaling = base, alpha / rank
        self.a = torch.nn.Parameter(base.weight.new_empty(rank, base.in_features, dtype=torch.float32))
        self.b = torch.nn.Parameter(base.weight.new_zeros(base.out_features, rank, dtype=torch.float32))
        torch.nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.base.weight.dtype)
        return self.base(x) + x @ self.a.to(x.dtype).t() @ (self.b * self.scaling).to(x.dtype).t()

    @torch.no_grad()
    def merged(self) -> torch.nn.Linear:
        """The layer with the product added to its weight."""
        weight = self.base.weight
        weight.copy_((weight.float() + self.scaling * self.b @ self.a).to(weight.dtype))
        return self.base


def load_base(bundle: Path, device: torch.device) -> Any:
    """The base's weights, in bf16 on a GPU and in 32 bits elsewhere."""
    config = LlamaConfig(**json.loads((bundle / "base" / "config.json").read_text()))
    model = LlamaForCausalLM(config)
    weights: dict[str, torch.Tensor] = {}
    for part in sorted((bundle / "base").glob("*.safetensors")):
        weights |= load_file(part)
    absent, unknown = model.load_state_dict(weights, strict=False)
    if unknown or set(absent) - {"lm_head.weight"}:
        raise SystemExit(f"{bundle / 'base'}: other weights than the model's: {[*absent, *unknown][:3]}")
    model.tie_weights()
    return model.to(device, torch.bfloat16 if device.type == "cuda" else torch.float32)


def with_adapters(model: Any, rank: int, alpha: float) -> list[torch.nn.Parameter]:
    """Puts a new adapter around each linear layer of the blocks; returns what has a gradient."""
    model.requires_grad_(requires_grad=False)
    layers = [
        (parent, name, child)
        for parent in model.model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.Linear)
    ]
    for parent, name, child in layers:
        setattr(parent, name, LowRank(child, rank, alpha))
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def merge(model: Any) -> None:
    """Adds each adapter to its layer."""
    layers = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, LowRank)
    ]
    for parent, name, child in layers:
        setattr(parent, name, child.merged())


class Points:
    """Tokens and steps of a point: arrays of numbers beside their offsets."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        self.steps = len(self._arrays["step_ends"])

    def _slice(self, name: str, ends: str, number: int) -> Any:
        at = self._arrays[ends]
        return self._arrays[name][at[number - 1] if number else 0 : at[number]]

    def step(self, number: int) -> list[list[tuple[Any, int]]]:
        """The rows of a step: each sample's tokens, and how many of them are its prompt."""
        ends = self._arrays["step_ends"]
        rows = range(int(ends[number - 1]) if number else 0, int(ends[number]))
        return [[self._sample(int(index)) for index in self._slice("rows", "row_ends", row)] for row in rows]

    def _sample(self, index: int) -> tuple[Any, int]:
        return self._slice("tokens", "token_ends", index), int(self._arrays["prompt_lengths"][index])


def batch(rows: Sequence[Sequence[tuple[Any, int]]], device: torch.device) -> dict[str, torch.Tensor]:
    """Padded rows: tokens, positions, each token's sample, and whether the next token is learned from it."""
    width = max(sum(len(tokens) for tokens, _ in row) for row in rows)
    shape = len(rows), width
    ids, positions, learned = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    owners = np.full(shape, -1, dtype=np.int64)
    for at, row in enumerate(rows):
        start = 0
        for number, (tokens, prompt) in enumerate(row):
            end = start + len(tokens)
            ids[at, start:end], positions[at, start:end] = tokens, np.arange(len(tokens))
            owners[at, start:end] = number
            learned[at, start + prompt - 1 : end - 1] = 1
            start = end
    arrays = {"ids": ids, "positions": positions, "owners": owners, "learned": learned}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def loss_of(model: Any, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy of the learned tokens, in nats."""
    owners, ids = given["owners"], given["ids"]
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
    mask = ((owners[:, :, None] == owners[:, None, :]) & causal)[:, None]
    kept = given["learned"].bool()
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.device.type == "cuda"):
        hidden = model.model(
            input_ids=ids, position_ids=given["positions"], attention_mask=mask, use_cache=False
        ).last_hidden_state
        logits = model.lm_head(hidden[kept])
    return torch.nn.functional.cross_entropy(logits.float(), ids.roll(-1, 1)[kept])


def learning_rate(point: dict[str, Any], step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a part of the rate: one step behind, as Composer is."""
    warmup, done = min(point["warmup"], steps // 2), max(step - 1, 0)
    if done < warmup:
        return point["learning_rate"] * done / warmup
    part = (done - warmup) / max(steps - warmup, 1)
    lowest = point["alpha_f"]
    return point["learning_rate"] * (lowest + (1 - lowest) * (1 + math.cos(math.pi * part)) / 2)


def train(model: Any, point: dict[str, Any], data: Points, device: torch.device) -> Iterator[float]:
    """Trains the adapters of `model`; the loss of each step."""
    torch.manual_seed(point["seed"])
    weights = with_adapters(model, point["rank"], point["alpha"])
    settings = {name: point[name] for name in ("betas", "eps", "weight_decay")}
    optimizer = torch.optim.AdamW(weights, lr=0.0, **settings)
    model.train()
    for step in range(data.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(point, step, data.steps)
        loss = loss_of(model, batch(data.step(step), device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, point["clip_norm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield loss.item()
    merge(model)


def decode(model: Any, prompts: Sequence[Any], most: int, device: torch.device) -> list[list[int]]:
    """Greedy answers to prompts, each until the model ends it, or of `most` tokens."""
    model.eval()
    end, pad = getattr(model.config, END), getattr(model.config, PAD)
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers: dict[int, list[int]] = {}
    for start in range(0, len(order), PROMPTS_AT_ONCE):
        chosen = order[start : start + PROMPTS_AT_ONCE]
        width = max(len(prompts[index]) for index in chosen)
        ids = torch.full((len(chosen), width), pad, dtype=torch.long)
        real = torch.zeros_like(ids)
        for row, index in enumerate(chosen):
            ids[row, width - len(prompts[index]) :] = torch.from_numpy(prompts[index].astype(np.int64))
            real[row, width - len(prompts[index]) :] = 1
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids.to(device),
                attention_mask=real.to(device),
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=end,
                pad_token_id=pad,
            )[:, width:].tolist()
        for index, tokens in zip(chosen, out, strict=True):
            answers[index] = tokens[: tokens.index(end)] if end in tokens else tokens
    return [answers[index] for index in range(len(prompts))]


def run(bundle: Path, point: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Answers of one point, and the figures of its training."""
    started = time.monotonic()
    model = load_base(bundle, device)
    losses: list[float] = []
    if point["data"]:
        losses = list(train(model, point, Points(bundle / point["data"]), device))
    trained = time.monotonic()
    with np.load(bundle / point["prompts"]) as arrays:
        prompts = np.split(arrays["tokens"], arrays["ends"][:-1])
    answers = decode(model, prompts, point["max_new_tokens"], device)
    seconds = {"training": round(trained - started, 1), "decoding": round(time.monotonic() - trained, 1)}
    precision = str(model.dtype).removeprefix("torch.")
    return {"answers": answers, "losses": losses, "seconds": seconds, "precision": precision}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", help="folder that bench/gpu_bundle.py packed")
    parser.add_argument("--out", type=Path, default=Path("answers"), help="folder for the answers")
    options = parser.parse_args()
    if not options.bundle:
        print("nothing is trained: name a bundle, which bench/gpu_bundle.py packs")
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    options.out.mkdir(parents=True, exist_ok=True)
    for point in json.loads((options.bundle / "points.json").read_text()):
        file = options.out / f"{point['file']}.json"
        if file.is_file() and json.loads(file.read_text())["point"] == point:
            continue
        made = {"point": point, "device": on, "torch": torch.__version__}
        found = {**run(options.bundle, point, device), **made}
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(found))
        unfinished.rename(file)
        print(f"{point['recipe']}, {point['size']} examples: {found['seconds']} seconds", flush=True)


if __name__ == "__main__":
    main()
