"""A checkpoint behind OpenAI's completions API (vLLM) as a model: it continues the bare prompt.

That is what this project's checkpoints are trained on, where `LmModel` asks a general model in a chat. One
request asks for all answers to a prompt, so that the server shares its work; several are open at once.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from repair.credentials import split_url
from repair.errors import ConfigurationError, TeacherError, TeacherUnavailableError
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.rows import prompt_of
from repair.synthesis.lm.settings import LanguageModel

_FOR_ALL = frozenset({401, 403, 404})  # statuses that every question would meet
_MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
_MOST_BYTES = 16 << 20  # of a response
_MOST_SAID = 300


class CompletionsModel:
    """`model`, named `text-completion-openai/NAME`; its `base_url` is the path above `/completions`.

    `unanswered` is told each question without an answer, by its sample and the reason.

    Raises ConfigurationError if the address or the key is missing.
    """

    def __init__(
        self, model: LanguageModel, *, sampling: Sampling, unanswered: Callable[[str], None]
    ) -> None:
        sampling.check_drawn(model.model)
        if model.base_url is None:
            raise ConfigurationError(f"{model.model} has no address: set one, e.g. http://127.0.0.1:8000/v1")
        self.name = model.model
        self._model, self._sampling, self._tell = model, sampling, unanswered
        self._url = split_url(model.base_url, "the address of the model")
        key = model.connection()["api_key"]
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        self._credentials = model.credentials()

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return prompt_of(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        """`k` answers to each sample, in order.

        Raises:
            TeacherError: every question would fail alike.
        """
        self._sampling.check_answers(k)
        with ThreadPoolExecutor(self._model.concurrency, thread_name_prefix="completions") as threads:
            yield from threads.map(partial(self._completions, k=k), samples)

    def _completions(self, sample: Mapping[str, Any], *, k: int) -> list[Completion]:
        body = {
            "model": self.name.partition("/")[2],
            "prompt": self.prompt(sample),
            "n": k,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._sampling.max_new_tokens,
        }
        started = time.monotonic()
        fault = ""
        for attempt in range(1, self._model.attempts + 1):
            status, text = self._post(json.dumps(body).encode())
            if status == 200:
                return self._parsed(text, k, sample, time.monotonic() - started)
            fault = self._credentials.mask(text)[:_MOST_SAID]
            if status in _FOR_ALL or (status == 0 and attempt == self._model.attempts):
                told = f"{status or 'no response'}: {fault}"
                kind = TeacherError if status else TeacherUnavailableError
                raise kind(f"{self.name} at {self._model.address} can't be asked: {told}")
            if status not in _MAY_PASS and status != 0:
                break
            if attempt < self._model.attempts:
                time.sleep(self._model.first_pause_s * 2 ** (attempt - 1))
        return self._unanswered(sample, fault, k)

    def _post(self, body: bytes) -> tuple[int, str]:
        """Status and text of the response; 0 and the error where there is none. No redirect is followed."""
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._model.timeout_s)
        try:
            connection.request("POST", f"{self._url.path.rstrip('/')}/completions", body, self._headers)
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES).decode(errors="replace")
        except (OSError, HTTPException) as error:
            return 0, f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def _parsed(self, text: str, k: int, sample: Mapping[str, Any], seconds: float) -> list[Completion]:
        try:
            told = json.loads(text)
            choices = sorted(told["choices"], key=lambda choice: choice["index"])
            tokens = (told.get("usage") or {}).get("prompt_tokens")
            answers = [
                Completion(str(choice["text"]), _reason(choice.get("finish_reason")), tokens, None, seconds)
                for choice in choices
            ]
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            return self._unanswered(sample, f"the response can't be read: {type(error).__name__}", k)
        if len(answers) != k:
            return self._unanswered(sample, f"{len(answers)} answers came, expected {k}", k)
        return answers

    def _unanswered(self, sample: Mapping[str, Any], fault: str, k: int) -> list[Completion]:
        self._tell(f"{self.name} gave no answer to {sample['sample_id']}: {fault}")
        return [Completion("", FinishReason.UNANSWERED)] * k


def _reason(word: Any) -> FinishReason:
    return FinishReason.CUT if word == "length" else FinishReason.ENDED
