"""DSPy signature, adapter and cached language model of the teacher program.

DSPy's own adapters wrap every field in headings of their own. Here the messages are exactly those that
`repair.prompt.answer_formats` defines, so that examples, teacher and student share one format. Imports DSPy
at its top: import this module within functions. Tested by `tests/repair/synthesis/lm/test_program.py`.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.line_diff.numbered import OPENING, LineDiffError, extract
from repair.prompt.answer_formats import answer_format, written
from repair.prompt.sentinels import Example
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.program import FewShotExample, TeacherProgram
from repair.synthesis.lm.reply import Reply, reply_of
from repair.synthesis.lm.response_cache import Answer
from repair.synthesis.lm.settings import LanguageModel

with extra("lm"):
    import dspy
    from dspy.utils.exceptions import AdapterParseError, LMConfigurationError


class RepairSignature(dspy.Signature):
    """Repair the reported error by a diff."""

    code: str = dspy.InputField(desc="the file's path and its lines")
    lsp_error: str = dspy.InputField(desc="the language server's message")
    error_line: str = dspy.InputField(desc="the line in which the error begins")
    diff: str = dspy.OutputField(desc="the diff")


class SentinelAdapter(dspy.Adapter):
    """DSPy adapter of the sentinel schema: each field, and the diff in the answer, between its sentinels.

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
            messages.append({"role": "user", "content": _picked(signature.input_fields, demo)})
            messages.append({"role": "assistant", "content": _picked(signature.output_fields, demo)})
        messages.append({"role": "user", "content": _picked(signature.input_fields, inputs)})
        if self.prefill:
            messages.append({"role": "assistant", "content": OPENING})
        return messages

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        try:
            return {"diff": extract(completion)}
        except LineDiffError as error:
            raise AdapterParseError(
                adapter_name=type(self).__name__,
                signature=signature,
                lm_response=completion,
                message=str(error),
            ) from error


class OptimizerAdapter(SentinelAdapter):
    """Adapter for repairs; other signatures go to DSPy's own, as an optimizer asks for instructions in it."""

    def __call__(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: dict[str, Any],
        signature: Any,
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        if set(signature.output_fields) == set(RepairSignature.output_fields):
            return super().__call__(lm, lm_kwargs, signature, demos, inputs)
        return dspy.ChatAdapter()(lm, lm_kwargs, signature, demos, inputs)


class PaidLM(dspy.LM):
    """DSPy language model whose requests go through `LmClient`: cached, rate-limited, retried.

    `sample` tells apart several answers to one question. `answer` is the last answer: a thread that needs its
    own uses a copy of this model.
    """

    def __init__(self, model: LanguageModel, program: TeacherProgram, client: LmClient) -> None:
        super().__init__(model.model, cache=False, num_retries=0, **model.connection(), **model.sampling())
        if "top_k" not in self.supported_params:
            self.kwargs.pop("top_k", None)
        self.sample = 0
        self.answer: Answer | None = None
        self._client, self._program = client, program
        self._credentials = model.credentials(unmistakable=True)
        self._last = threading.local()

    def update_history(self, entry: Mapping[str, Any]) -> None:
        self._last.record = entry  # DSPy would hold 10,000 of them for the whole process

    def __call__(
        self, prompt: str | None = None, *, messages: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> list[str]:
        if messages is None:
            raise ValueError("no messages: an adapter writes them")

        def send() -> Reply:
            self._last.record = None
            outputs = super(PaidLM, self).__call__(messages=messages, **kwargs)
            reply = reply_of(outputs, self._last.record or {})
            return replace(reply, content=self._credentials.mask(reply.content))

        texts: list[str] = []
        for sample in range(self.sample, self.sample + (kwargs.pop("n", None) or 1)):
            key = self._client.key(self._program, messages, sample, kwargs)
            self.answer = self._client.answer(key, messages, send)
            texts.append(self.answer.text)
        return texts


class PaidProgram:
    """DSPy program with one output field, on one model; thread-safe.

    Raises ConfigurationError if the key is missing or the model does not take the settings.
    """

    signature: type[dspy.Signature]

    def __init__(
        self, model: LanguageModel, program: TeacherProgram, client: LmClient, *, adapter: SentinelAdapter
    ) -> None:
        self.adapter = adapter
        self.predict = dspy.Predict(self.signature.with_instructions(program.instructions))
        try:
            self.lm = PaidLM(model, program, client)
        except LMConfigurationError as error:
            raise ConfigurationError(str(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self.lm.close()

    def answer(
        self, question: Mapping[str, str], demos: Sequence[Mapping[str, str]] = (), sample: int = 0
    ) -> Answer:
        """The answer number `sample` to a question, given as the fields of the signature.

        Raises:
            QuestionFailedError, ...: as `LmClient.answer`.
        """
        lm = self.lm.copy(sample=sample)
        with dspy.context(adapter=self.adapter, trace=None, disable_history=False):
            try:
                self.predict(lm=lm, demos=list(demos), **question)
            except AdapterParseError:
                # An answer that can't be parsed was paid for all the same: the caller says what it lacks.
                if lm.answer is None:
                    raise
        if lm.answer is None:
            raise RuntimeError("DSPy returned without asking its model")
        return lm.answer


class RepairProgram(PaidProgram):
    """The teacher program as a DSPy program."""

    signature = RepairSignature

    def __init__(self, model: LanguageModel, program: TeacherProgram, client: LmClient) -> None:
        super().__init__(model, program, client, adapter=SentinelAdapter(prefill=model.prefill))
        self.format = answer_format(program.answer_format)
        self._solved: dict[FewShotExample, dict[str, str]] = {}

    def demos(self, shots: Sequence[FewShotExample]) -> list[dict[str, str]]:
        """Few-shot examples as fields of the signature, in the program's answer format."""
        for shot in shots:
            if shot not in self._solved:
                self._solved[shot] = self.format.solved(shot.prompt + shot.response)
        return [self._solved[shot] for shot in shots]

    def messages(self, example: Example, shots: Sequence[FewShotExample]) -> list[dict[str, Any]]:
        """The chat messages that are sent for a question."""
        return self.adapter.format(self.predict.signature, self.demos(shots), self.format.question(example))

    def ask(self, example: Example, shots: Sequence[FewShotExample], sample: int = 0) -> Answer:
        """The answer number `sample` to a question.

        Raises:
            PromptError: the example can't be written.
            QuestionFailedError, ...: as `LmClient.answer`.
        """
        return self.answer(self.format.question(example), self.demos(shots), sample)


def _picked(fields: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    return written({name: values[name] for name in fields})
