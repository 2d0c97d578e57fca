"""LoRA: the fused layer against peft's own, a training that is killed, the adapter that comes out."""

from pathlib import Path
from typing import Any

import pytest

from tests.repair.training.conftest import Row, example_row

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CONTEXT = 512


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights in Hugging Face format."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from repair.models.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("base")
    texts = [row["prompt"] + row["response"] for row in map(example_row, range(8))]
    tokenizer = train_tokenizer(texts, 400, context=CONTEXT)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def overrides(base: Path, **settings: Any) -> dict[str, Any]:
    return {
        "base.path": str(base),
        "base.sha256": None,
        "base.fewest_sentinel_tokens": 1,
        "base.most_sentinel_tokens": 20,
        "max_seq_len": CONTEXT,
        "optimizer.learning_rate": 1e-2,
        "schedule.warmup_batches": 2,
        "global_batch_size": 2,
        "threads": 1,
        **settings,
    }


def rows(count: int) -> list[Row]:
    codes = ("ruff[F821]", "pyright")
    return [
        {**example_row(n, split="train" if n < count else "validation"), "code": codes[n % 2]}
        for n in range(count + 4)
    ]


def tuned(base: Path) -> tuple[Any, Any]:
    """The base with the fused adapter, and with peft's own of equal weights."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from repair.training.lora import with_adapter
    from repair.training.recipe import Lora

    fused = with_adapter(AutoModelForCausalLM.from_pretrained(base), Lora(rank=4, alpha=8))
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    plain = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for parameter in fused.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    plain.load_state_dict(fused.state_dict())
    return fused, plain


def test_the_fused_layer_computes_what_pefts_own_does(base: Path) -> None:
    fused, plain = tuned(base)
    assert any(type(module).__name__ == "LowRankLinear" for module in fused.modules())
    tokens = torch.randint(0, 200, (2, 40), generator=torch.Generator().manual_seed(5))
    losses = [model(tokens, labels=tokens).loss for model in (fused, plain)]
    torch.testing.assert_close(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    gradients = [
        {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
        for model in (fused, plain)
    ]
    assert gradients[0].keys() == gradients[1].keys()
    assert len(gradients[0]) == 2 * 7 * 2  # A and B of the seven linear layers of each of two blocks
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-6)
