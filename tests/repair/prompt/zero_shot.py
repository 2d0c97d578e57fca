"""The zero-shot conversation for a general language model, written plainly: what requests are held to."""

from repair.line_diff.numbered import OPENING
from repair.prompt.sentinels import ZERO_SHOT_SYSTEM, Example, render_prompt


def chat_messages(example: Example) -> list[dict[str, str]]:
    """The assistant's turn is begun with the opening sentinel, without the newline after it: some services
    refuse a begun turn that ends in white space."""
    return [
        {"role": "system", "content": ZERO_SHOT_SYSTEM},
        {"role": "user", "content": render_prompt(example).removesuffix(f"\n{OPENING}\n")},
        {"role": "assistant", "content": OPENING},
    ]
