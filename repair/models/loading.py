"""Loading of a checkpoint: a whole model, or an adapter (LoRA) that is merged into its base.

Tested by `tests/repair/training/test_lora.py` and `tests/repair/models/test_decoding.py`.
"""

import warnings
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.models.base import base_folder
from repair.models.made_by import MADE_BY, check_base, read_made_by, weights_of
from repair.models.tokenizer import load_tokenizer

ADAPTER = "adapter_config.json"


def load_model(checkpoint: str, *, revision: str | None, dtype: Any) -> tuple[Any, Any]:
    """The model at `checkpoint`, its weights as `dtype`, and its tokenizer.

    Raises:
        ConfigurationError: it is an adapter, and its base is not here or not the one that it was trained on.
    """
    with base_folder(checkpoint) as folder:
        if (Path(folder) / ADAPTER).is_file():
            return _merged(Path(folder), dtype)
        return _whole(folder, revision, dtype), load_tokenizer(folder, revision=revision)


def _whole(folder: str, revision: str | None, dtype: Any) -> Any:
    with extra("local"):
        from transformers import AutoModelForCausalLM

    # what a store holds is data: no pickled weights, no code of a checkpoint's own
    return AutoModelForCausalLM.from_pretrained(
        folder, revision=revision, dtype=dtype, use_safetensors=True, trust_remote_code=False
    )


def _merged(adapter: Path, dtype: Any) -> tuple[Any, Any]:
    with extra("local"):
        from peft import PeftModel

    if not (adapter / MADE_BY).is_file():
        raise ConfigurationError(
            f"the adapter {adapter} has no {MADE_BY}, which names its base: copy it whole"
        )
    made_by = read_made_by(adapter)
    base = made_by["recipe"]["base"]
    with base_folder(base["path"], sha256=base.get("sha256")) as folder:
        check_base(adapter, made_by, weights_of(Path(folder)))
        model = _whole(folder, base["revision"], dtype)
        tokenizer = load_tokenizer(folder, revision=base["revision"])
    with warnings.catch_warnings():
        # peft asks transformers for an attribute by its old name: nothing that a user could mend
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(), tokenizer
