"""Packs points of the scaling study for a GPU with torch and transformers alone, and scores their answers.

    python bench/gpu_bundle.py --store .model/store --bundle .gpu --points 'smollm2-135m|1000' ...
    python bench/gpu_scaling.py .gpu --out answers        # there
    python bench/gpu_bundle.py --store .model/store --bundle .gpu --score answers --result gpu_points.json

A bundle has the base once, in parts of at most 56 MiB, and two files for each point: the tokens with the rows
of each step, and the prompts. Both are what the asset `scaling_results` trains on and asks. Answers are
counted, and compared in pairs, as its points are (`bench/studies.py`).
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from paired_results import earlier_rows
from stored_answers import compared, counted_by_benchmark
from study_results import write

from eval_assets.scaled_models import asked_as, asked_model, render_in
from eval_assets.scaling import Scaling
from partitions.keys import RECIPE_AND_SIZE
from repair.evaluation.leetcode.functional import judged, judged_strictly
from repair.evaluation.predictions import predict
from repair.evaluation.scaling import BENCHMARKS
from repair.evaluation.scoring import scores
from repair.language_servers import LanguageServers
from repair.language_servers.programs import versions
from repair.models.base import base_folder
from repair.models.best_first import closed_at
from repair.models.checkpoint import Decode
from repair.models.model import Completion, FinishReason
from repair.models.tokenizer import encode_prompts, load_tokenizer
from repair.prompt.sentinels import PROMPT_VERSION
from repair.prompt.variants import WHOLE_FILE
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.training.batching import plan
from repair.training.dataset import TRAIN, Record, rendered, tokenise
from repair.training.recipe import Pretrained, Recipe
from repair.training.recipes import load_recipe
from repair.training.scaling import SCALED, Scaled, nested_subset
from resources.benchmark_data import HINT

AS_THE_ASSET = Scaling()
PART_BYTES = 56 * 2**20
MIXTURE = "training_mixture"

Row = Mapping[str, Any]
RecipeOf = Callable[[str, Mapping[str, Any]], Recipe]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with a mixture and a benchmark")
    parser.add_argument("--bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--points", nargs="+", metavar="RECIPE|SIZE", help="what is packed; 0: the base")
    parser.add_argument("--score", type=Path, metavar="ANSWERS", help="score these answers of the bundle")
    parser.add_argument("--result", type=Path, help="file for the counts, as JSON")
    options = parser.parse_args()
    if not (options.store and options.bundle and (options.points or options.score)):
        print("nothing is packed or scored: name --store and --bundle, and --points or --score")
        return
    store = PartitionStore(options.store)
    if options.points:
        pack(store, options.bundle, options.points)
    if options.score:
        with LanguageServers() as servers:
            rows = list(scored(store, options.bundle, options.score, servers))
        rows = compared(rows, earlier_rows(options.result, "points"))
        for row in rows:
            print({name: value for name, value in row.items() if name != "passed"})
        if options.result:
            write(options.result, {"points": rows}, versions())


def samples_of(store: PartitionStore) -> list[Row]:
    """The samples that are asked, in the order of their prompts."""
    rows = [
        row
        for partition in store.partitions("leetcode_benchmark")
        for row in store.table("leetcode_benchmark", partition).to_pylist()
        if row["benchmark"] in BENCHMARKS
    ]
    return sorted(rows, key=lambda row: (row["benchmark"], row["sample_id"]))


def pack(
    store: PartitionStore, bundle: Path, points: Sequence[str], recipe_of: RecipeOf = load_recipe
) -> None:
    """Writes the base and the points of one recipe. Raises SystemExit where they have several."""
    if unknown := [point for point in points if not RECIPE_AND_SIZE.has_partition_key(point)]:
        raise SystemExit(f"{', '.join(unknown)}: no points of scaling_results, such as smollm2-135m|1000")
    chosen = [(name, int(size)) for name, _, size in (point.partition("|") for point in points)]
    if own := [name for name, _ in chosen if SCALED[name].asked_of_itself]:
        raise SystemExit(
            f"{', '.join(own)} verifies its answers between two trainings, which needs this machine"
        )
    recipes = {SCALED[name].recipe for name, _ in chosen}
    if len(recipes) != 1:
        raise SystemExit(f"a bundle has one base; these points have {len(recipes)}")
    plain = recipe_of(*recipes, {})
    base = plain.base
    if not isinstance(base, Pretrained):
        raise SystemExit(f"{recipes} has no base to pack: models from scratch are not trained there")
    if plain.lora is None:
        raise SystemExit(f"{recipes} trains no adapter: only adapters are trained there")
    if (mixture := newest(store)) is None:
        raise SystemExit(f"there is no {MIXTURE} in the store; `make model-data` makes one")
    if not (samples := samples_of(store)):
        raise SystemExit(f"leetcode_benchmark has no samples to answer: {HINT}, and make the data again")
    bundle.mkdir(parents=True, exist_ok=True)
    with base_folder(base.path, sha256=base.sha256) as folder:
        tokenizer = load_tokenizer(folder, revision=base.revision)
        pack_base(Path(folder), bundle / "base", tokenizer)
    packed = [
        pack_point(
            store,
            mixture,
            bundle,
            tokenizer,
            samples,
            name,
            size,
            recipe_of(SCALED[name].recipe, SCALED[name].overrides),
        )
        for name, size in chosen
    ]
    (bundle / "points.json").write_text(json.dumps(packed, indent=1) + "\n")


def newest(store: PartitionStore) -> Manifest | None:
    """The manifest of the newest mixture."""
    partitions = sorted(store.partitions(MIXTURE), key=lambda partition: partition["date"])
    return store.manifest(MIXTURE, partitions[-1]) if partitions else None


def pack_base(folder: Path, out: Path, tokenizer: Any) -> None:
    """The configuration and the weights in bf16, in parts that are small enough to be carried."""
    from safetensors.torch import load_file, save_file
    from torch import bfloat16

    out.mkdir(exist_ok=True)
    for earlier in out.glob("*.safetensors"):  # of another base
        earlier.unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    (out / "config.json").write_text(json.dumps(config))
    tokenizer.save_pretrained(out / "tokenizer")
    part: dict[str, Any] = {}
    number = 0
    for file in sorted(folder.glob("*.safetensors")):
        for name, weight in load_file(file).items():
            small = weight.to(bfloat16)
            if part and sum(each.nbytes for each in part.values()) + small.nbytes > PART_BYTES:
                save_file(part, out / f"{number:02}.safetensors")
                part, number = {}, number + 1
            part[name] = small
    save_file(part, out / f"{number:02}.safetensors")


def pack_point(
    store: PartitionStore,
    mixture: Manifest,
    bundle: Path,
    tokenizer: Any,
    asked_samples: Sequence[Row],
    name: str,
    size: int,
    recipe: Recipe,
) -> dict[str, Any]:
    """Writes the tokens, the rows of each step and the prompts; returns what trains the point."""
    scaled, file = SCALED[name], f"{name}-{size}"
    asked = asked_model(name, scaled, lambda *_: [], trained=bool(size))
    prompts = encode_prompts(tokenizer, [asked.prompt(sample) for sample in asked_samples])
    np.savez(bundle / f"{file}.prompts.npz", **ragged("tokens", "ends", prompts))
    samples = training_samples(store, mixture, tokenizer, scaled, size, recipe) if size else []
    lengths = [len(sample.tokens) for sample in samples]
    if samples:
        steps = plan(lengths, recipe).steps
        rows = [row for step in steps for row in step]
        np.savez(
            bundle / f"{file}.npz",
            **ragged("tokens", "token_ends", [sample.tokens for sample in samples]),
            prompt_lengths=np.array([sample.prompt_length for sample in samples]),
            **ragged("rows", "row_ends", rows),
            step_ends=np.array(list(accumulate(len(step) for step in steps))),
        )
    return {
        **{"file": file, "recipe": name, "size": size, "seed": recipe.seed},
        **{"data": f"{file}.npz" if samples else None, "prompts": f"{file}.prompts.npz"},
        **{"examples": len(samples), "tokens": sum(lengths) * recipe.epochs},
        "mixture": mixture.data_version if samples else "",
        **(recipe.lora.model_dump() if recipe.lora else {}),
        "clip_norm": recipe.clip_norm,
        **{"warmup": recipe.schedule.warmup_batches, "alpha_f": recipe.schedule.alpha_f},
        **recipe.optimizer.model_dump(),
        "max_new_tokens": AS_THE_ASSET.max_new_tokens,
    }


def ragged(name: str, ends: str, items: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Lists of numbers as one array, and where each of them ends."""
    flat = np.fromiter((number for item in items for number in item), dtype=np.int32)
    return {name: flat, ends: np.array(list(accumulate(map(len, items))))}


def training_samples(
    store: PartitionStore, mixture: Manifest, tokenizer: Any, scaled: Scaled, size: int, recipe: Recipe
) -> list[Any]:
    """The examples of a point as tokens, in the order in which the training program reads them."""
    rows = rendered(store, mixture.asset, mixture.partition, render_in(scaled.variant))
    learned = rows.filter(pc.equal(rows["split"], TRAIN))
    chosen = nested_subset(learned["example_id"].to_pylist(), size, AS_THE_ASSET.seed)
    if len(chosen) < size:
        raise SystemExit(f"the mixture has {len(chosen):,} training examples, and {size:,} are asked for")
    own = asked_as(learned.filter(pc.is_in(learned["example_id"], pa.array(chosen))), scaled).to_pylist()
    own.sort(key=lambda row: row["example_id"])
    records = [Record(row["example_id"], row["prompt"], row["response"]) for row in own]
    return tokenise(tokenizer, records, recipe.max_seq_len)[0]


def scored(
    store: PartitionStore, bundle: Path, answers: Path, servers: LanguageServers
) -> Iterator[dict[str, Any]]:
    """Counts of each point that has answers, by benchmark."""
    samples = samples_of(store)
    made = {"prompt": PROMPT_VERSION, **versions(), "date": datetime.now(UTC).date().isoformat()}
    tokenizer = load_tokenizer(bundle / "base" / "tokenizer")
    for point in json.loads((bundle / "points.json").read_text()):
        file = answers / f"{point['file']}.json"
        if not file.is_file():
            print(f"{point['recipe']}, {point['size']} examples: no answers yet")
            continue
        found, name = json.loads(file.read_text()), point["recipe"]
        if found["point"] != point:
            print(f"{point['recipe']}, {point['size']} examples: the answers are those of another bundle")
            continue
        texts = [completion(tokenizer, tokens) for tokens in found["answers"]]
        answered = [[text] for text in texts]
        decode: Decode = lambda *_, answered=answered: answered  # noqa: E731
        model = asked_model(name, SCALED[name], decode, trained=bool(point["size"]))
        rows = [row for batch in predict(samples, model) for row in batch.to_pylist()]
        about = {part: point[part] for part in ("recipe", "size", "examples", "tokens")}
        judging = {"anywhere": SCALED[name].variant == WHOLE_FILE, "answers_are": SCALED[name].answer_format}
        judgements = scores(samples, rows, servers, judged, judged_strictly, **judging)
        own = [{**row, **about} for batch in judgements for row in batch.to_pylist()]
        by = {"mixture": point["mixture"], "precision": f"{found['precision']}, {found['device']}"}
        for row in counted_by_benchmark(own, name):
            yield {**row, **made, **by}


def completion(tokenizer: Any, tokens: Sequence[int]) -> Completion:
    """An answer as text, up to the line that closes its diff."""
    text = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    closed = closed_at(text)
    reason = FinishReason.CUT if closed is None else FinishReason.CLOSED
    return Completion(text[:closed], reason, output_tokens=len(tokens))


if __name__ == "__main__":
    main()
