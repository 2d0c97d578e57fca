"""LoRA by peft, with a linear layer that multiplies in one step.

peft's own layer computes the update in the adapter's 32 bits, in operations that each write a tensor of the
size of the activations. Here the update is added to the product with the base's weight in place, in its
precision, and nothing but the layer's input is kept for the gradient.

Only a training process imports this module.
"""

from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.training.recipe import Lora, Pretrained

with extra("train"):
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from peft.tuners.lora import Linear
    from safetensors.torch import load_file, save_file


class _LowRankLinear(torch.autograd.Function):
    """`x W' + scaling * x A' B'`; W has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, a: Any, b: Any, scaling: float) -> Any:
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(weight.dtype)
            low, up = a.to(x.dtype), (b * scaling).to(x.dtype)
            rows = x.flatten(0, -2)
            narrow = rows @ low.t()
            out = rows @ weight.t()
            out.addmm_(narrow, up.t())
        ctx.save_for_backward(rows, narrow, weight, low, up)
        ctx.scaling = scaling
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        rows, narrow, weight, low, up = ctx.saved_tensors
        with torch.autocast(rows.device.type, enabled=False):
            grad = grads[0].to(rows.dtype).flatten(0, -2)
            narrow_grad = grad @ up
            a_grad = narrow_grad.t() @ rows
            b_grad = (grad.t() @ narrow) * ctx.scaling
            x_grad = None
            if ctx.needs_input_grad[0]:
                x_grad = grad @ weight
                x_grad.addmm_(narrow_grad, low)
                x_grad = x_grad.view(*grads[0].shape[:-1], -1)
        return x_grad, None, a_grad, b_grad, None


class LowRankLinear(Linear):
    """peft's LoRA layer of a linear layer, for one adapter without dropout."""

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        [name] = self.active_adapters
        base: Any = self.get_base_layer()
        out = _LowRankLinear.apply(
            x, base.weight, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
        )
        return out if base.bias is None else out + base.bias


def with_adapter(model: Any, lora: Lora) -> Any:
    """`model` with a new adapter in 32 bits; nothing else of it has a gradient."""
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    config._register_custom_module({torch.nn.Linear: LowRankLinear})  # pyright: ignore[reportPrivateUsage]
    return get_peft_model(model, config)


def load_adapter(model: Any, folder: Path) -> None:
    """Give the adapter of `model` the weights that `save_adapter` wrote to `folder`."""
    found = set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
    if found.unexpected_keys:
        raise ConfigurationError(f"{folder} is the adapter of another model: {found.unexpected_keys[:3]}")


def save_adapter(model: Any, folder: Path, *, base: Pretrained) -> None:
    """Write the adapter of `model` to `folder` in peft's format, its weights in 16 bits."""
    weights = get_peft_model_state_dict(model)
    rounded = {name: weight.to("cpu", torch.bfloat16).contiguous() for name, weight in weights.items()}
    save_file(rounded, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.path, base.revision
    config.inference_mode = True
    config.save_pretrained(folder)
