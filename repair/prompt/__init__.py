"""Prompt templates and answer parsing: how an example becomes a model's input, and its answer a diff."""

from repair.prompt.sentinels import (
    PROMPT_VERSION,
    SENTINELS,
    Example,
    PromptError,
    as_shown,
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
    "as_shown",
    "parse",
    "render",
    "render_prompt",
    "render_response",
]
