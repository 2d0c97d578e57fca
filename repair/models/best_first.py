"""Best-first search: the likeliest answers that change something, each one token away from the greedy one.

A small model's greedy answer is often the faulty line as it stands: at each token the copy is likelier than
any change, and no change is a repair. Answers that leave the greedy one at a token of an added line, and are
greedy after it, are put in the order of their probability; those that change nothing are left out.

The probability of an answer only falls with its tokens: one that is behind the last that is wanted is given
up before it is complete.

Tested by `tests/repair/models/test_decoding.py`.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from repair.line_diff.answer_block import CLOSING, find_block
from repair.line_diff.numbered import LineDiffError, parse_lines

WIDTH = 12
"""Answers that are completed at least, of all that leave the greedy one: the likeliest where they do."""
SPARE = 4
"""More answers than are wanted are completed: some change nothing, or are the same text."""
_ADDED = re.compile(r"\+[0-9]+ ")


class Found(NamedTuple):
    """The tokens of an answer, and the natural logarithm of its probability."""

    tokens: list[int]
    log_probability: float


def changes_something(answer: str) -> bool:
    """Whether an answer is a numbered line diff that removes other lines than it adds."""
    try:
        diff = parse_lines(find_block(answer).lines)
    except LineDiffError:
        return False
    return diff.removed != diff.added


def closed_at(text: str) -> int | None:
    """The index of the end of the first line that closes the diff."""
    start = 0
    for line in text.split("\n"):
        if line == CLOSING:
            return start + len(line)
        start += len(line) + 1
    return None


def likeliest_changes(
    model: Any, tokenizer: Any, prompt: Sequence[int], greedy: Sequence[int], count: int, most_tokens: int
) -> list[Found]:
    """At most `count` answers but the greedy one that change something, likeliest first.

    `prompt` and `greedy` are tokens, the latter without one that ends the text. No answer is longer than
    `most_tokens`.
    """
    import torch

    from repair.models.growing_cache import growing_cache

    written = torch.tensor(_of_added_lines(tokenizer, greedy), dtype=torch.bool, device=model.device)
    if not written.any():
        return []
    with torch.inference_mode():
        ids = torch.tensor([[*prompt, *greedy]], device=model.device)
        cache = growing_cache(model)
        read = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=len(greedy) + 1)
        scores = read.logits[0, :-1].float().log_softmax(-1)
        own = ids[0, len(prompt) :, None]
        chosen = scores.gather(1, own)[:, 0]
        scores = scores.scatter(1, own, float("-inf")) + (chosen.cumsum(0) - chosen)[:, None]
        scores[~written] = float("-inf")
        best = scores.flatten().topk(max(WIDTH, count + SPARE))
        places = [divmod(index, scores.shape[1]) for index in best.indices.tolist()]
        begun = [
            Found([*greedy[:at], token], score)
            for (at, token), score in zip(places, best.values.tolist(), strict=True)
        ]
        search = _Search(tokenizer, begun, _text(tokenizer, greedy), count, most_tokens)
        search.run(model, cache, len(prompt), len(greedy))
    return search.found()


def _of_added_lines(tokenizer: Any, answer: Sequence[int]) -> list[bool]:
    """Of each token of an answer whether it stands in the text of an added line."""
    before = (_text(tokenizer, answer[:at]).rsplit("\n", 1)[-1] for at in range(len(answer)))
    return [_ADDED.match(line) is not None for line in before]


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class _Search:
    """The rows of a batch that are being completed."""

    def __init__(
        self, tokenizer: Any, begun: Sequence[Found], greedy: str, count: int, most_tokens: int
    ) -> None:
        self._tokenizer, self._greedy, self._count, self._most = tokenizer, greedy, count, most_tokens
        self._rows = list(begun)
        self._open = set(range(len(begun)))
        self._complete: dict[str, Found] = {}
        for row in list(self._open):
            self._look_at(row)

    def run(self, model: Any, cache: Any, prompt: int, greedy: int) -> None:
        """Completes the rows. `cache` holds the prompt and the greedy answer, of so many tokens.

        The rows are branches of one sequence (tree attention): a step reads a token of each, and each sees
        the prompt, what it has of the greedy answer, and its own tokens.
        """
        import torch

        device, lowest = model.device, torch.finfo(model.dtype).min
        ends = torch.tensor([prompt + len(row.tokens) - 1 for row in self._rows], device=device)
        # of the greedy answer a row sees what is before the token at which it leaves it
        seen = torch.arange(prompt + greedy, device=device)[None] < ends[:, None]
        while self._open:
            rows = sorted(self._open)
            own = torch.zeros(len(self._rows), len(rows), dtype=torch.bool, device=device)
            own[rows, range(len(rows))] = True
            seen = torch.cat([seen, own], dim=1)
            hidden = torch.zeros(len(rows), seen.shape[1], dtype=model.dtype, device=device)
            tokens = [self._rows[row].tokens for row in rows]
            logits = model(
                input_ids=torch.tensor([[row[-1] for row in tokens]], device=device),
                attention_mask=hidden.masked_fill(~seen[rows], lowest)[None, None],
                position_ids=torch.tensor([[prompt + len(row) - 1 for row in tokens]], device=device),
                past_key_values=cache,
                use_cache=True,
            ).logits[0]
            best = logits.float().log_softmax(-1).max(-1)
            self._go_on(rows, best.indices.tolist(), best.values.tolist())

    def found(self) -> list[Found]:
        """The likeliest of the complete answers, each text once."""
        return sorted(self._complete.values(), key=lambda found: -found.log_probability)[: self._count]

    def _go_on(self, rows: Sequence[int], tokens: Sequence[int], scores: Sequence[float]) -> None:
        for row, token, score in zip(rows, tokens, scores, strict=True):
            so_far = self._rows[row]
            if token == self._tokenizer.eos_token_id or len(so_far.tokens) >= self._most:
                self._open.discard(row)  # it ends without its closing line
                continue
            self._rows[row] = Found([*so_far.tokens, token], so_far.log_probability + score)
            self._look_at(row)
        enough = self.found()
        if len(enough) == self._count:
            last = enough[-1].log_probability
            self._open = {row for row in self._open if self._rows[row].log_probability > last}

    def _look_at(self, row: int) -> None:
        text = _text(self._tokenizer, self._rows[row].tokens)
        end = closed_at(text)
        if end is None:
            return
        self._open.discard(row)
        answer = text[:end]
        if answer == self._greedy or not changes_something(answer):
            return
        known = self._complete.get(answer)  # other tokens may write the same text
        if known is None or known.log_probability < self._rows[row].log_probability:
            self._complete[answer] = self._rows[row]
