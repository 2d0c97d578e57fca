"""The DSPy program: a signature over the sentinel schema, and the adapter that writes it as messages.

DSPy's own adapters wrap every field in headings of their own. Here the messages are exactly those that
`repair.prompt` defines, so that examples, teacher and student speak one format. This module imports DSPy
at its top: import it within functions.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Before DSPy, which imports LiteLLM when it needs it: that would fetch its price list from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import dspy
from dspy.utils.exceptions import AdapterParseError

from repair.line_diff import OPENING
from repair.synthesis.answers import Answer
from repair.synthesis.program import Shot

_SECTION = re.compile(r"^<(\w+)>\n(.*?)\n?^</\1>$", re.DOTALL | re.MULTILINE)


class RepairSignature(dspy.Signature):
    """Repair the reported error by a line diff."""

    code: str = dspy.InputField(desc="the file's path and its numbered lines")
    lsp_error: str = dspy.InputField(desc="the language server's message")
    error_line: str = dspy.InputField(desc="the numbered line in which the error begins")
    diff: str = dspy.OutputField(desc="the numbered line diff")


class SentinelAdapter(dspy.Adapter):
    """Writes each field between its sentinels and gives the model's answer back as it is.

    `prefill`: begin the assistant's turn with the opening sentinel of the diff.
    """

    def __init__(self, *, prefill: bool) -> None:
        super().__init__()
        self.prefill = prefill

    def format(
        self, signature: Any, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        messages = [{"role": "system", "content": signature.instructions}]
        for demo in demos:
            messages.append({"role": "user", "content": _written(signature.input_fields, demo)})
            messages.append({"role": "assistant", "content": _written(signature.output_fields, demo)})
        messages.append({"role": "user", "content": _written(signature.input_fields, inputs)})
        if self.prefill:
            messages.append({"role": "assistant", "content": OPENING})
        return messages

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        return dict.fromkeys(signature.output_fields, completion)


class _RecordingLM(dspy.LM):
    """Keeps the record of its last call itself; DSPy would hold 10,000 of them for the whole process."""

    record: Mapping[str, Any] | None = None

    def update_history(self, entry: Mapping[str, Any]) -> None:
        self.record = entry


class RepairProgram:
    """One question at a time to one model; several threads may ask at once.

    `client` are the settings of the connection, `sampling` those of the answer, as LiteLLM names them. What
    is asked is the `signature`, whose one output field is the answer.
    """

    signature: type[dspy.Signature] = RepairSignature

    def __init__(
        self,
        *,
        model: str,
        instructions: str,
        prefill: bool,
        client: Mapping[str, Any],
        sampling: Mapping[str, Any],
    ) -> None:
        self._adapter = SentinelAdapter(prefill=prefill)
        self._predict = dspy.Predict(self.signature.with_instructions(instructions))
        (self._output,) = self.signature.output_fields
        self._lm = _RecordingLM(model, cache=False, num_retries=0, **client, **sampling)

    def close(self) -> None:
        """Close the connections."""
        self._lm.close()

    def messages(self, prompt: str, shots: Sequence[Shot]) -> list[dict[str, Any]]:
        """What the model will be sent for a rendered prompt."""
        return self._adapter.format(self._predict.signature, _demos(shots), fields_of(prompt))

    def ask(self, prompt: str, shots: Sequence[Shot]) -> Answer:
        """Ask once, without a retry; raises DSPy's `LMError`."""
        lm = self._lm.copy()  # its record belongs to this call
        with dspy.context(adapter=self._adapter, trace=None, disable_history=False):
            try:
                text = self._predict(lm=lm, demos=_demos(shots), **fields_of(prompt))[self._output]
            except AdapterParseError:
                if lm.record is None:
                    raise
                text = ""  # the model answered nothing, which is an answer, and was paid for
        record = lm.record or {}
        usage: Mapping[str, int] = record.get("usage") or {}
        return Answer(
            text=_encodable(text),
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            cost_usd=record.get("cost"),
        )


def fields_of(rendered: str) -> dict[str, str]:
    """The signature's fields in a rendered prompt, with or without its response: sentinel name -> body."""
    return {match[1]: match[2] for match in _SECTION.finditer(rendered)}


def _demos(shots: Sequence[Shot]) -> list[dict[str, str]]:
    return [fields_of(shot.prompt + shot.response) for shot in shots]


def _written(fields: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    return "\n".join(f"<{name}>\n{values[name]}\n</{name}>" for name in fields)


def _encodable(text: str) -> str:
    """JSON can smuggle in lone surrogates, which no file and no table can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
