"""Training and decoding of the 7B recipe's architecture on one GPU, from random weights, in eight minutes.

    python bench/gpu.py --out gpu.json     # one H100 or H200
    python bench/gpu.py --tiny             # a model of some thousand weights, on a CPU too: tries the program

Prints tokens a second and MFU of training, and the latency of one repair. It needs torch and transformers
alone, so that it runs on a machine without this project's environment and without a network.

Training: rows of 4,096 tokens, bf16 weights, gradients and AdamW moments, no recomputation of activations,
causal attention over whole rows. MFU counts 6 operations a weight and token (embeddings left out, the
output layer in) and 6 x layers x width x row for causal attention (Chowdhery et al. 2022, appendix B;
halved, as half of a causal matrix is computed), over the dense bf16 peak that the maker names. Decoding:
420 tokens in, 31 out, greedy, a static cache, after a warm-up. Random weights cost what trained ones do.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12}
"""Dense bf16 operations a second by part of the card's name, as its maker says; the first match counts."""

SECONDS = 480.0
"""After so long no further measurement begins."""

DEEPSEEK_CODER_7B = {
    "vocab_size": 102_400,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 30,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
TINY = {
    **DEEPSEEK_CODER_7B,
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}


@dataclass(frozen=True)
class Sizes:
    """What is measured: rows of so many tokens a step, so many steps, prompts, new tokens, batches, calls."""

    model: dict[str, Any]
    row: int = 4096
    rows: tuple[int, ...] = (1, 2, 4)
    steps: int = 8
    prompt: int = 420
    new: int = 31
    batches: tuple[int, ...] = (1, 32)
    calls: int = 20


@dataclass(frozen=True)
class Training:
    """Throughput of training. `mfu`: null where the card's peak is not known."""

    rows: int
    compiled: bool
    tokens_per_second: float
    mfu: float | None
    gigabytes: float


@dataclass(frozen=True)
class Latency:
    """Seconds of one call that decodes a batch."""

    batch: int
    p50: float
    p95: float


def random_model(sizes: Sizes, device: torch.device) -> Any:
    """The architecture with random weights in bf16."""
    config = LlamaConfig(**sizes.model, use_cache=False)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            return LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)


def operations_per_token(model: Any, row: int) -> float:
    """Floating point operations of forward and backward pass for one token of a row."""
    config = model.config
    weights = sum(weight.numel() for weight in model.parameters()) - config.vocab_size * config.hidden_size
    return 6.0 * weights + 6.0 * config.num_hidden_layers * config.hidden_size * row


def peak(device: torch.device) -> float | None:
    """Dense bf16 operations a second of the card."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((value for part, value in PEAKS.items() if all(word in name for word in part.split())), None)


def synchronize(device: torch.device) -> None:
    """Wait for what the GPU was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_training(
    model: Any, sizes: Sizes, rows: int, device: torch.device, *, compiled: bool
) -> Training:
    """Tokens a second over `sizes.steps` steps, after three that warm up."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device.type == "cuda")
    tokens = torch.randint(sizes.model["vocab_size"], (rows, sizes.row), device=device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def step() -> None:
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(3):
        step()
    synchronize(device)
    started = time.perf_counter()
    for _ in range(sizes.steps):
        step()
    synchronize(device)
    rate = sizes.steps * rows * sizes.row / (time.perf_counter() - started)
    limit = peak(device)
    used = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0
    mfu = rate * operations_per_token(model, sizes.row) / limit if limit else None
    return Training(rows, compiled, round(rate, 1), None if mfu is None else round(mfu, 4), round(used, 1))


def measure_latency(model: Any, sizes: Sizes, batch: int, device: torch.device) -> Latency:
    """Seconds of greedy decoding with a static cache, of `sizes.calls` calls after three that warm up."""
    seconds: list[float] = []
    for call in range(sizes.calls + 3):
        prompt = torch.randint(5, sizes.model["vocab_size"], (batch, sizes.prompt), device=device)
        synchronize(device)
        started = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=sizes.new,
                min_new_tokens=sizes.new,
                do_sample=False,
                use_cache=True,
                cache_implementation="static",
                pad_token_id=0,
            )
        synchronize(device)
        if out.shape != (batch, sizes.prompt + sizes.new):
            raise RuntimeError(f"decoded {tuple(out.shape)}; expected {batch} x {sizes.prompt + sizes.new}")
        if call >= 3:
            seconds.append(time.perf_counter() - started)
    ordered = sorted(seconds)
    p95 = ordered[max(0, -(-95 * len(ordered) // 100) - 1)]
    return Latency(batch, round(statistics.median(seconds), 4), round(p95, 4))


def attempt(title: str, measure: Callable[[], Training | Latency], found: list[dict[str, Any]]) -> bool:
    """Measure, print and keep; what does not fit the card's memory is told, and False."""
    try:
        result = measure()
    except torch.OutOfMemoryError:
        print(f"{title}: does not fit this card", flush=True)
        return False
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    print(f"{title}: {result}", flush=True)
    found.append({"what": title, **asdict(result)})
    return True


def run(sizes: Sizes, device: torch.device) -> dict[str, Any]:
    """All measurements, for as long as there is time: latency first, which is short."""
    started = time.monotonic()
    torch.manual_seed(17)
    model = random_model(sizes, device)
    found: list[dict[str, Any]] = []
    model.eval()
    for batch in sizes.batches:
        title = f"one repair, batch {batch}"
        attempt(title, lambda batch=batch: measure_latency(model, sizes, batch, device), found)
    model.train()
    for compiled in (False, True) if device.type == "cuda" else (False,):
        if compiled:
            for layer in model.model.layers:
                layer.compile()
        for rows in sizes.rows:
            title = f"training, {rows} rows" + (", compiled layers" if compiled else "")
            if time.monotonic() - started > SECONDS:
                print(f"{title}: left out, the time is over", flush=True)
            elif not attempt(
                title,
                lambda rows=rows, compiled=compiled: measure_training(
                    model, sizes, rows, device, compiled=compiled
                ),
                found,
            ):
                break
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "seconds": round(time.monotonic() - started, 1),
        "measured": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a tiny model and few steps, on any machine")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        print("nothing is measured: there is no GPU here; --tiny runs the program with a tiny model")
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tiny = Sizes(TINY, row=128, rows=(1, 2), steps=2, prompt=24, new=5, batches=(1, 3), calls=2)
    figures = run(tiny if options.tiny else Sizes(DEEPSEEK_CODER_7B), device)
    text = json.dumps(figures, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
