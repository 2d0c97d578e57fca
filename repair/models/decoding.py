"""Batched decoding of a checkpoint: temperature, top-p and top-k sampling, one completion per prompt.

A prompt that leaves no room for an answer is not truncated: its finish reason is `too_long`, and it counts as
unanswered. The answers are in the order of the prompts, in whatever order they are computed.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.line_diff.numbered import CLOSING


class FinishReason(StrEnum):
    """Why a completion ended."""

    ENDED = "ended"  # the end-of-text token
    CLOSED = "closed"  # the line that closes the diff; nothing after it counts
    CUT = "cut"  # all new tokens are used up
    TOO_LONG = "too_long"  # the prompt leaves no room for the new tokens: not decoded


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: its text, its number of tokens, and why it ended."""

    text: str
    tokens: int
    finish_reason: FinishReason


ReportProgress = Callable[[int, int], None]
"""Called with the number of finished prompts and of all prompts."""


def decode(
    checkpoint_dir: str,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 512,
    temperature: float = 0.1,
    top_p: float = 0.95,
    top_k: int = 50,
    seed: int = 17,
    batch_size: int = 8,
    progress: ReportProgress | None = None,
) -> list[Completion]:
    """One completion per prompt (pass@1) of the Hugging Face model in `checkpoint_dir`.

    A temperature of 0 is greedy decoding. Equal arguments on one machine give equal completions; another
    `batch_size` draws other samples.

    Raises ConfigurationError on a model without room for `max_new_tokens`, or a bad setting.
    """
    return Decoder(checkpoint_dir).decode(
        prompts,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )


class Decoder:
    """A loaded checkpoint, on the GPU if there is one; `decode` can be called many times."""

    def __init__(self, checkpoint_dir: str) -> None:
        with extra("train"):
            import torch
            from transformers import AutoModelForCausalLM

        from repair.models.tokenizer import load_tokenizer

        gpu = torch.cuda.is_available()
        with local_folder(checkpoint_dir) as folder:
            self.tokenizer = load_tokenizer(folder)
            # what a store holds is data: no pickled weights, no code of a checkpoint's own
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.bfloat16 if gpu else torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
            )
        self.model = model.to("cuda" if gpu else "cpu").eval()
        self.context = int(self.model.config.max_position_embeddings)

    def decode(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 512,
        temperature: float = 0.1,
        top_p: float = 0.95,
        top_k: int = 50,
        seed: int = 17,
        batch_size: int = 8,
        progress: ReportProgress | None = None,
    ) -> list[Completion]:
        """See `repair.models.decoding.decode`."""
        import torch

        from repair.models.tokenizer import encode_prompts

        if not 0 < max_new_tokens < self.context or batch_size < 1 or temperature < 0:
            raise ConfigurationError(
                f"max_new_tokens is {max_new_tokens}, batch_size {batch_size}, temperature {temperature}; "
                f"expected 1 to {self.context - 1} (the model reads {self.context} tokens), at least 1, "
                "and at least 0"
            )
        encoded = encode_prompts(self.tokenizer, prompts) if prompts else []
        room = self.context - max_new_tokens
        # prompts of similar length share a batch, so that little of it is padding
        order = sorted(
            (index for index, tokens in enumerate(encoded) if len(tokens) <= room),
            key=lambda index: (len(encoded[index]), index),
        )
        completions = [Completion("", 0, FinishReason.TOO_LONG)] * len(prompts)
        done = len(prompts) - len(order)
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if temperature > 0:
            sampling = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": top_k}
        torch.manual_seed(seed)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            answers = self._answers([encoded[index] for index in batch], max_new_tokens, sampling)
            for index, answer in zip(batch, answers, strict=True):
                completions[index] = answer
            done += len(batch)
            if progress:
                progress(done, len(prompts))
        return completions

    def _answers(
        self, prompts: list[list[int]], max_new_tokens: int, sampling: dict[str, Any]
    ) -> Iterator[Completion]:
        import torch
        from transformers import StoppingCriteriaList

        pad, end = int(self.tokenizer.pad_token_id), int(self.tokenizer.eos_token_id)
        width = max(map(len, prompts))
        # left padding, so that every answer starts at the same index
        ids = torch.tensor([[pad] * (width - len(tokens)) + tokens for tokens in prompts])
        real = torch.tensor([[0] * (width - len(tokens)) + [1] * len(tokens) for tokens in prompts])
        device = self.model.device
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=real.to(device),
                max_new_tokens=max_new_tokens,
                use_cache=True,
                pad_token_id=pad,
                eos_token_id=end,
                stopping_criteria=StoppingCriteriaList([_Closed(self.tokenizer, width)]),  # pyright: ignore[reportArgumentType]
                **sampling,
            )
        for row in output[:, width:].tolist():
            yield self._completion(row, end)

    def _completion(self, tokens: list[int], end: int) -> Completion:
        ended = end in tokens
        if ended:
            tokens = tokens[: tokens.index(end)]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        closed = _closed_at(text)
        if closed is None:
            return Completion(text, len(tokens), FinishReason.ENDED if ended else FinishReason.CUT)
        kept = text[:closed]
        return Completion(kept, self._length(tokens, kept), FinishReason.CLOSED)

    def _length(self, tokens: list[int], kept: str) -> int:
        """The number of `tokens` that write `kept` (binary search); a row is padded while others go on."""
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high) // 2
            text = self.tokenizer.decode(
                tokens[:middle], skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            low, high = (low, middle) if len(text) >= len(kept) else (middle + 1, high)
        return low


def _closed_at(text: str) -> int | None:
    """The index of the end of the first line that closes the diff."""
    start = 0
    for line in text.split("\n"):
        if line == CLOSING:
            return start + len(line)
        start += len(line) + 1
    return None


class _Closed:
    """Stopping criterion: ends a row of a batch once its last lines hold the one that closes the diff."""

    TAIL = 2 * len(CLOSING)  # tokens to check; one writes at least a byte

    def __init__(self, tokenizer: Any, prompt_width: int) -> None:
        self.tokenizer = tokenizer
        self.prompt_width = prompt_width

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        answers = input_ids[:, self.prompt_width :]
        tails = self.tokenizer.batch_decode(answers[:, -self.TAIL :], clean_up_tokenization_spaces=False)
        whole = answers.shape[1] <= self.TAIL
        # a tail may begin in the middle of a line: its first whole line begins after the first newline
        closed = [CLOSING in (tail.split("\n") if whole else tail.split("\n")[1:]) for tail in tails]
        return torch.tensor(closed, dtype=torch.bool, device=input_ids.device)


@contextmanager
def local_folder(uri: str) -> Generator[str]:
    """The folder at `uri` on this machine: itself if it is local, else a temporary copy."""
    import tempfile

    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    fs, root = fsspec.url_to_fs(uri)
    if isinstance(fs, LocalFileSystem):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
        fs.get(root.rstrip("/") + "/", folder, recursive=True)
        yield folder
