"""Batched decoding of a checkpoint: temperature, top-p and top-k sampling, or greedy.

Each answer draws from a random generator of its own, seeded by the prompt, the number of the answer and the
seed: its text does not depend on what else is decoded, nor in which order. What may differ with the batch is
the last bits of the logits, as matrix products are summed in another order; that turns an answer only where
two tokens are as good as equal. Equal calls on one machine give equal answers.

With `Sampling.search` the answers to a prompt are the likeliest that change something
(`repair.models.best_first`).

A prompt that leaves no room for an answer is not truncated: its finish reason is `too_long`, and it counts as
unanswered.
"""

import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.line_diff.numbered import CLOSING
from repair.models.answer_log import prompt_sha256
from repair.models.best_first import Question, changes_something, closed_at, likeliest_changes
from repair.models.model import Completion, FinishReason, Sampling
from repair.models.processor import cpu_has_bf16
from repair.text.stable_hash import rank

if TYPE_CHECKING:
    from repair.models.growing_cache import States

BATCH = 16
"""Answers that are decoded at once: a step of 16 takes a CPU hardly longer than one of 8."""

TOGETHER = 8
"""Prompts that are searched together: a step reads the weights once for the answers to all of them."""

_DRAFTED = 10  # tokens that are looked up in the prompt at a time
REMEMBERED = 256  # greedy answers
_READ_TOKENS = 4096  # of prompts whose states are remembered with them


class _Decoded(NamedTuple):
    """An answer and its tokens; `read`: for a search, what the cache has of the prompt but its last token."""

    completion: Completion
    tokens: list[int]
    read: "States | None"


class Decoder:
    """A loaded checkpoint, on the GPU if there is one; `decode` can be called many times.

    `checkpoint` is a folder or URI in Hugging Face format or with an adapter, or what a base may be
    (`repair.models.base`); `revision` is that of a published one. On a GPU the weights are in
    bfloat16, on a CPU if it has instructions for it and `bf16` is true, else in 32 bits.
    """

    def __init__(self, checkpoint: str, *, revision: str | None = None, bf16: bool = True) -> None:
        # read when torch is imported: threads that spin while they wait starve a shared machine
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        with extra("local"):
            import torch

        from repair.models.loading import load_model

        gpu = torch.cuda.is_available()
        model, self.tokenizer = load_model(
            checkpoint,
            revision=revision,
            dtype=torch.bfloat16 if gpu or (bf16 and cpu_has_bf16()) else torch.float32,
        )
        self.model = model.to("cuda" if gpu else "cpu").eval()
        self.context = int(self.model.config.max_position_embeddings)
        self._greedy: dict[tuple[int, ...], _Decoded] = {}

    def decode(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        *,
        k: int = 1,
        batch_size: int = BATCH,
        known: Collection[tuple[int, int]] = (),
        lookup: bool = False,
    ) -> Iterator[list[tuple[int, int, Completion]]]:
        """`k` completions of each prompt, in batches: index of the prompt, number of the answer, text.

        A batch is left out if all its answers are `known`; the others are composed as if none were, so that
        a decoding that is resumed gives the very answers of one that never stopped.

        `lookup`: a greedy answer that is decoded alone is drafted from the prompt (prompt lookup decoding),
        since most of a repair repeats it. The text is the same, but where two tokens are as good as equal.

        Raises:
            ConfigurationError: the model has no room for `max_new_tokens`, or a setting is bad.
        """
        from repair.models.tokenizer import encode_prompts

        sampling.check_answers(k)
        if sampling.max_new_tokens >= self.context or batch_size < 1:
            raise ConfigurationError(
                f"max_new_tokens is {sampling.max_new_tokens}, batch_size {batch_size}; expected 1 to"
                f" {self.context - 1} (the model reads {self.context} tokens), and at least 1"
            )
        encoded = encode_prompts(self.tokenizer, prompts) if prompts else []
        room = self.context - sampling.max_new_tokens
        pairs = [(index, number) for index in range(len(prompts)) for number in range(k)]
        at_once = k if sampling.search else 1  # one search finds all answers to a prompt
        if too_long := [pair for pair in pairs if len(encoded[pair[0]]) > room and pair not in known]:
            yield [
                (index, number, Completion("", FinishReason.TOO_LONG, len(encoded[index]), 0))
                for index, number in too_long
            ]
        # prompts of similar length share a batch, so that little of it is padding
        order = sorted(
            (pair for pair in pairs[::at_once] if len(encoded[pair[0]]) <= room),
            key=lambda pair: len(encoded[pair[0]]),
        )
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            missing = {
                (index, number)
                for index, first in batch
                for number in range(first, first + at_once)
                if (index, number) not in known
            }
            if missing:
                tokens = [encoded[index] for index, _ in batch]
                if sampling.search:
                    answers = self._searched(tokens, sampling, k, lookup)
                else:
                    seeds = [
                        int(rank(sampling.seed, prompt_sha256(prompts[index]), str(number))[:16], 16) >> 1
                        for index, number in batch
                    ]
                    decoded = self._decoded(tokens, sampling, lookup, seeds)
                    answers = ([answer.completion] for answer in decoded)
                yield [
                    (index, number, completion)
                    for (index, first), completions in zip(batch, answers, strict=True)
                    for number, completion in enumerate(completions, first)
                    if (index, number) in missing
                ]

    def _searched(
        self, prompts: Sequence[list[int]], sampling: Sampling, k: int, lookup: bool
    ) -> Iterator[list[Completion]]:
        """The `k` likeliest answers to each prompt that change something, or the greedy one if none does.

        Greedy answers are remembered: more answers to a prompt are asked for when the first did not do.
        """
        keys = [(sampling.max_new_tokens, *tokens) for tokens in prompts]
        used = {key: self._greedy[key] for key in keys if key in self._greedy}
        missing = {key: key[1:] for key in keys if key not in used}
        if missing:
            found = self._decoded([list(tokens) for tokens in missing.values()], sampling, lookup)
            used |= zip(missing, found, strict=True)
        others = [(key, greedy) for key, greedy in self._greedy.items() if key not in used]
        self._greedy = dict([*others, *used.items()][-REMEMBERED:])
        for start in range(0, len(prompts), TOGETHER):
            part = slice(start, start + TOGETHER)
            greedy = [used[key] for key in keys[part]]
            yield from self._likeliest(prompts[part], greedy, sampling.max_new_tokens, k)
        self._forget()

    def _forget(self) -> None:
        """What was read of the prompts is kept for the latest of them alone: it is large."""
        room = _READ_TOKENS
        for key, greedy in reversed(self._greedy.items()):
            room -= len(key)
            if room < 0:
                self._greedy[key] = greedy._replace(read=None)

    def _likeliest(
        self, prompts: Sequence[list[int]], greedy: Sequence["_Decoded"], limit: int, k: int
    ) -> Iterator[list[Completion]]:
        started = time.monotonic()
        completions = [answer.completion for answer in greedy]
        firsts = [[answer] if changes_something(answer.text) else [] for answer in completions]
        asked = {
            number: Question(prompt, answer.tokens, k - len(first), answer.read)
            for number, (prompt, answer, first) in enumerate(zip(prompts, greedy, firsts, strict=True))
            if k > len(first)
        }
        found = likeliest_changes(self.model, self.tokenizer, list(asked.values()), limit)
        changes = dict(zip(asked, found, strict=True))
        spent = time.monotonic() - started
        for number, (prompt, answer, first) in enumerate(zip(prompts, completions, firsts, strict=True)):
            seconds = (answer.seconds or 0.0) + spent
            others = [
                self._completion(len(prompt), change.tokens, seconds, round(change.log_probability, 4))
                for change in changes.get(number, ())
            ]
            answers = [*first, *others] or [answer]
            none = Completion("", FinishReason.UNANSWERED, len(prompt), 0)
            yield answers + [none] * (k - len(answers))

    def _decoded(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling,
        lookup: bool,
        seeds: Sequence[int] = (),
    ) -> list["_Decoded"]:
        """One answer to each prompt, in one batch; `seeds` are those of draws."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from repair.models.growing_cache import states_of

        pad, end = int(self.tokenizer.pad_token_id), int(self.tokenizer.eos_token_id)
        width, shared = max(map(len, prompts)), _shared(prompts)
        # padding before what is a prompt's own, so that every answer starts at the same index
        device = self.model.device
        ids = torch.tensor(
            [[*tokens[:shared], *[pad] * (width - len(tokens)), *tokens[shared:]] for tokens in prompts],
            device=device,
        )
        real = torch.tensor(
            [[1] * shared + [0] * (width - len(tokens)) + [1] * (len(tokens) - shared) for tokens in prompts],
            device=device,
        )
        greedy = sampling.temperature == 0
        drafted = _DRAFTED if lookup and len(prompts) == 1 and greedy else None
        ends = _Ends(self.tokenizer, width, len(prompts), drafted or 0)
        scores = _GreedyScores(width)
        processor = scores if greedy else _Draws(sampling, seeds)
        with torch.inference_mode():
            cache = self._cache(prompts, shared, ids, real)
            output = self.model.generate(
                input_ids=ids,
                attention_mask=real,
                past_key_values=cache,
                max_new_tokens=sampling.max_new_tokens,
                use_cache=True,
                pad_token_id=pad,
                eos_token_id=end,
                stopping_criteria=StoppingCriteriaList([ends]),  # pyright: ignore[reportArgumentType]
                logits_processor=LogitsProcessorList([processor]),  # pyright: ignore[reportArgumentType]
                prompt_lookup_num_tokens=drafted,
                do_sample=False,  # the likeliest token, after the draws if there are any
                temperature=None,
                top_p=None,
                top_k=None,
            )
        decoded: list[_Decoded] = []
        rows = zip(prompts, output[:, width:].tolist(), ends.seconds(), strict=True)
        for number, (prompt, row, seconds) in enumerate(rows):
            completion = self._completion(len(prompt), row, seconds)
            own = row[: completion.output_tokens]
            if greedy:
                completion = replace(completion, log_probability=scores.of(number, len(own)))
            read = None
            if sampling.search:
                prefix = slice(0, shared), slice(shared + width - len(prompt), width - 1)
                read = states_of(cache, number, prefix)
            decoded.append(_Decoded(completion, own, read))
        return decoded

    def _completion(
        self, input_tokens: int, row: list[int], seconds: float, log_probability: float | None = None
    ) -> Completion:
        text, count, reason = self._text(row, int(self.tokenizer.eos_token_id))
        return Completion(text, reason, input_tokens, count, round(seconds, 4), log_probability)

    def _cache(self, prompts: Sequence[Sequence[int]], shared: int, ids: Any, real: Any) -> Any:
        """The cache to decode with. What prompts share is read once: all but the last token of equal ones,
        else the tokens that all begin with, which are the instructions of a base.

        Most of the time that several answers to one prompt take goes into reading it.
        """
        from repair.models.growing_cache import growing_cache

        cache = growing_cache(self.model)
        known = ids.shape[1] - 1 if len(set(map(tuple, prompts))) < len(prompts) else shared
        if not known:
            return cache
        heads = [
            (*own, *seen)
            for own, seen in zip(*(each[:, :known].tolist() for each in (ids, real)), strict=True)
        ]
        first_rows: dict[tuple[int, ...], int] = {}
        for row, head in enumerate(heads):
            first_rows.setdefault(head, row)
        read = list(first_rows.values())
        mask = real[read, :known]
        self.model(
            input_ids=ids[read, :known],
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache.batch_select_indices(ids.new_tensor([read.index(first_rows[head]) for head in heads]))
        return cache

    def _text(self, tokens: list[int], end: int) -> tuple[str, int, FinishReason]:
        """The text of an answer, the number of its tokens, and why it ended."""
        ended = end in tokens
        if ended:
            tokens = tokens[: tokens.index(end)]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        closed = closed_at(text)
        if closed is None:
            return text, len(tokens), FinishReason.ENDED if ended else FinishReason.CUT
        kept = text[:closed]
        return kept, self._length(tokens, kept), FinishReason.CLOSED

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


def _shared(prompts: Sequence[list[int]]) -> int:
    """The number of tokens that all prompts begin with, but for the last token of each; 0 of one prompt."""
    if len(prompts) == 1:
        return 0
    first, last = min(prompts), max(prompts)  # the others lie between them
    room = min(map(len, prompts)) - 1
    return next((at for at in range(room) if first[at] != last[at]), room)


class _Draws:
    """Logits processor: temperature, top-k and top-p, then Gumbel noise from a generator for each row.

    The likeliest token after it is a draw by the probabilities before it (Gumbel-max trick).
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int]) -> None:
        import torch
        from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

        self.warpers = [
            TemperatureLogitsWarper(sampling.temperature),
            TopKLogitsWarper(sampling.top_k),
            TopPLogitsWarper(sampling.top_p),
        ]
        # on the CPU whatever decodes: each kind of device has random numbers of its own
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        for warper in self.warpers:
            scores = warper(input_ids, scores)
        uniform = torch.stack(
            [torch.rand(scores.shape[-1], generator=generator) for generator in self.generators]
        )
        return scores - torch.log(-torch.log(uniform)).to(scores.device)


class _GreedyScores:
    """Logits processor that changes nothing: it notes the log-probability of each step's likeliest token."""

    def __init__(self, prompt_width: int) -> None:
        self._prompt_width = prompt_width
        self._steps: dict[int, list[float]] = {}

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        # a draft is scored more than once: its last score counts
        best = scores.float().log_softmax(-1).max(-1).values
        self._steps[input_ids.shape[1] - self._prompt_width] = best.tolist()
        return scores

    def of(self, row: int, tokens: int) -> float:
        """The log-probability of the first tokens of an answer."""
        return round(sum(self._steps[step][row] for step in range(tokens)), 4)


class _Ends:
    """Stopping criterion: ends a row of a batch once its last lines hold the one that closes the diff.

    It also notes when each row ended, there or at the end-of-text token.
    """

    TAIL = 2 * len(CLOSING)  # tokens to check; one writes at least a byte

    def __init__(self, tokenizer: Any, prompt_width: int, rows: int, drafted: int) -> None:
        self.tokenizer = tokenizer
        self._tail = self.TAIL + drafted  # so many tokens may come at once
        self.prompt_width = prompt_width
        self._started = time.monotonic()
        self._ended: list[float | None] = [None] * rows

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        answers = input_ids[:, self.prompt_width :]
        tails = self.tokenizer.batch_decode(answers[:, -self._tail :], clean_up_tokenization_spaces=False)
        whole = answers.shape[1] <= self._tail
        # a tail may begin in the middle of a line: its first whole line begins after the first newline
        closed = [CLOSING in (tail.split("\n") if whole else tail.split("\n")[1:]) for tail in tails]
        now = time.monotonic()
        for row, last in enumerate(answers[:, -1].tolist()):
            if self._ended[row] is None and (closed[row] or last == self.tokenizer.eos_token_id):
                self._ended[row] = now
        return torch.tensor(closed, dtype=torch.bool, device=input_ids.device)

    def seconds(self) -> list[float]:
        """Of each row, from the start of the batch to its last token."""
        now = time.monotonic()
        return [(now if ended is None else ended) - self._started for ended in self._ended]
