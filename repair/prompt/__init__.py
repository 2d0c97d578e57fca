"""Prompt schema: what a model is shown, and how its answer is read."""

from repair.prompt.sentinels import (
    PROMPT_VERSION,
    SENTINELS,
    Example,
    PromptError,
    chat_messages,
    parse,
    render,
    render_prompt,
    render_response,
)

__all__ = [
    "PROMPT_VERSION",
    "SENTINELS",
    "Example",
    "PromptError",
    "chat_messages",
    "parse",
    "render",
    "render_prompt",
    "render_response",
]
