"""Golden answers: what a model answers greedily to prompts of our own, and by how much each token leads.

Tested by `tests/repair/training/test_lora.py`.
"""

from collections.abc import Sequence
from typing import Any

from repair.extras import extra
from repair.models.decoding import Decoder
from repair.models.model import Sampling
from repair.models.shipped import Golden
from repair.prompt.sentinels import Example, render_prompt

EXAMPLES = (
    Example(
        "main.py", "import math\n\nprint(math.squareroot(2))\n", '"squareroot" is not a known attribute', 2
    ),
    Example("main.py", "total = 0\nfor number in range(10)\n    total += number\n", 'Expected ":"', 1),
    Example(
        "main.py", "names = ['a', 'b']\nfor name in names:\n    print(nmae)\n", '"nmae" is not defined', 2
    ),
    Example("main.py", "def area(width, height):\n    return width * hieght\n", '"hieght" is not defined', 1),
    Example("main.py", "values = [1, 2, 3]\nprint(len(values)\n", '"(" was not closed', 1),
    Example("main.py", "def greet(name):\n    print('hello', nam)\n", "Undefined name `nam`", 1),
    Example("main.py", "count = 3\nwhile count > 0\n    count -= 1\n", 'Expected ":"', 1),
    Example("main.py", "text = input()\nprint(txt.upper())\n", '"txt" is not defined', 1),
)
MOST_TOKENS = 96


def golden_answers(decoder: Decoder, examples: Sequence[Example] = EXAMPLES) -> list[Golden]:
    """The greedy answers of a loaded model to `examples`."""
    prompts = [render_prompt(example) for example in examples]
    greedy = Sampling(temperature=0, max_new_tokens=MOST_TOKENS)
    answers = {index: answer.text for batch in decoder.decode(prompts, greedy) for index, _, answer in batch}
    return [
        Golden(prompt, answers[index], round(_lead(decoder, prompt, answers[index]), 3))
        for index, prompt in enumerate(prompts)
    ]


def _lead(decoder: Decoder, prompt: str, answer: str) -> float:
    """The least difference of the best and the second best logit at the answer's tokens."""
    with extra("local"):
        import torch

    from repair.models.tokenizer import encode_prompts, encode_responses

    [before], [after] = (
        encode_prompts(decoder.tokenizer, [prompt]),
        encode_responses(decoder.tokenizer, [answer]),
    )
    after = after[:-1]  # an answer ends at its closing line
    tokens: Any = torch.tensor([before + after], device=decoder.model.device)
    with torch.inference_mode():
        logits = decoder.model(tokens).logits[0, len(before) - 1 : -1].float()
    best = logits.topk(2).values
    return float((best[:, 0] - best[:, 1]).min()) if len(after) else 0.0
