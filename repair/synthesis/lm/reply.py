"""Parser of a model's reply: the text of an answer, or why the reply is none.

A reply is stored as it came, before it is parsed here. It is no answer if it holds no text outside of
its thinking (nothing at all, blanks, tool calls, reasoning or a refusal alone), or if the service
ended it as filtered or failed; such a reply is never kept as an answer, and its question is asked again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from repair.errors import RepairError
from repair.line_diff.answer_block import after_thinking

# A reply that ended so is not the model's answer, whatever text came with it.
_BROKEN = frozenset({"content_filter", "error"})

# OpenAI's words, which most services use; other words are told as DSPy understands them.
_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})

_REASONING = ("reasoning_content", "reasoning", "thinking")
_LARGEST = 2**63 - 1  # of an integer in SQLite and in Parquet
_MOST_SHOWN = 200


class NoAnswerError(RepairError):
    """A reply is no answer; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as JSON (`content`), not parsed yet, with what the service says that it took.

    `content` has `outputs` (what DSPy made of it), `finish_reason` (DSPy's) and `body` (the service's own, if
    it is known). A null count or cost is not known.
    """

    content: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    """From the request to the reply."""


def reply_of(outputs: Any, record: Mapping[str, Any]) -> Reply:
    """The reply of a DSPy language model: what it returned, and its history record. It never fails."""
    response = record.get("response")
    content = {
        "outputs": outputs,
        "finish_reason": getattr(response, "finish_reason", None),
        "body": getattr(response, "provider_data", None) or response,
    }
    usage = record.get("usage")
    usage = cast("Mapping[str, Any]", usage) if isinstance(usage, Mapping) else {}
    return Reply(
        _json(content),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _amount(record.get("cost")),
    )


def answer_of(reply: Reply) -> tuple[str, str | None]:
    """The text of a reply and its finish reason, if known.

    Raises:
        NoAnswerError: it is no answer.
    """
    content: dict[str, Any] = json.loads(reply.content)
    body, choice, message = _parts_of(content.get("body"))
    understood = _word(content.get("finish_reason"))
    own = _word(choice.get("finish_reason")) or _word(body.get("stop_reason"))
    finish_reason = own if own in _FINISH_REASONS else understood or own
    outputs = content.get("outputs")
    text = _text(outputs[0]) if isinstance(outputs, list) and outputs else ""
    if is_blank(text):
        text = _text(message) or _text(choice) or text
    said = f" (finish reason {finish_reason})" if finish_reason else ""
    if {finish_reason, understood} & _BROKEN:
        raise NoAnswerError(f"the service ended the reply{said}, after {len(text)} characters")
    remaining, unfinished = after_thinking(text)
    if is_blank(remaining) or (unfinished and finish_reason == "length"):
        raise NoAnswerError(f"the reply {_lack(text, outputs, message)}{said}")
    return encodable(text), finish_reason


def is_blank(text: str) -> bool:
    """Whether nothing in a text can be seen."""
    return not any(mark.isprintable() and not mark.isspace() for mark in text)


def encodable(text: str) -> str:
    """`text` without lone surrogates: JSON can smuggle them in, and no file and no table can hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parts_of(body: Any) -> tuple[Mapping[str, Any], Mapping[str, Any], Any]:
    """The body of a chat completion, its first choice and the message in it, as far as they are there."""
    body = _mapping(body)
    choices = body.get("choices")
    choice = _mapping(cast("list[Any]", choices)[0]) if isinstance(choices, list) and choices else {}
    return body, choice, choice.get("message")


def _text(value: Any) -> str:
    """The text in an output, a message or a list of its parts; without reasoning and tool calls."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part) for part in cast("list[Any]", value))
    parts = _mapping(value)
    if parts.get("type", "text") not in ("text", "output_text", "message"):
        return ""
    return _text(parts.get("text") or parts.get("content") or parts.get("value") or "")


def _lack(text: str, outputs: Any, message: Any) -> str:
    """What a reply without a text has instead, in words."""
    output = cast("Sequence[Any]", outputs)[0] if isinstance(outputs, list) and outputs else None
    found = {**_mapping(output), **_mapping(message)}
    if refusal := found.get("refusal"):
        return f"is a refusal: {str(refusal)[:_MOST_SHOWN]}"
    if found.get("tool_calls") or found.get("function_call"):
        return "holds tool calls and no text"
    if any(found.get(name) for name in _REASONING) or not is_blank(text):
        return "holds reasoning and no text"
    return "is empty" if not text else "holds only blanks"


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _word(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return encodable(value)[:_MOST_SHOWN].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _count(value: Any) -> int | None:
    number = _amount(value)
    return int(number) if number is not None and number <= _LARGEST else None


def _amount(value: Any) -> float | None:
    """A number from 0 on; some services write it as a text."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _json(value: Any) -> str:
    try:
        return json.dumps(_plain(value))
    except (TypeError, ValueError, RecursionError):
        return json.dumps({"outputs": None, "finish_reason": None, "body": repr(value)})


def _plain(value: Any) -> Any:
    """`value` as JSON; objects of a library by their fields, or else by what they print."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in cast("Sequence[Any]", value)]
    for name in ("model_dump", "to_dict"):
        if callable(dump := getattr(value, name, None)):
            try:
                return _plain(dump())
            except Exception:  # noqa: S112 (a library's object: what it prints is kept instead)
                continue
    if isinstance(text := getattr(value, "text", None), str):
        return {"text": text}
    return repr(value)
