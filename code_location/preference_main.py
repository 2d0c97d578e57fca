"""Direct preference optimization of a checkpoint, by hand.

    python -m code_location.preference_main --checkpoint FOLDER --pairs STORE --out FOLDER

Tested by `tests/repair/training/test_preference.py`.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from code_location.train_main import Reporter, Terminal
from repair.configuration import configuration_error


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve a shared machine
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    parser = argparse.ArgumentParser(
        prog="preference", description="Trains a checkpoint on pairs of answers (DPO)."
    )
    parser.add_argument("--checkpoint", required=True, help="local folder of the checkpoint to start from")
    parser.add_argument("--pairs", required=True, help="store with `preference_pairs`, or a Parquet file")
    parser.add_argument("--out", required=True, help="folder or URI of the new checkpoint")
    parser.add_argument("--settings", default="{}", type=json.loads, help='JSON: {"beta": 0.2, "epochs": 2}')
    options = parser.parse_args(arguments)

    from pydantic import ValidationError

    from repair.training.preference import Preference, train_preferences

    try:
        settings = Preference.model_validate(options.settings)
    except ValidationError as error:
        raise configuration_error(error, Preference, prefix="settings: ") from None
    listener = Terminal()
    result = train_preferences(options.checkpoint, options.pairs, options.out, Reporter(listener), settings)
    listener.finished({name: getattr(result, name) for name in result.__dataclass_fields__})


if __name__ == "__main__":
    sys.exit(main())
