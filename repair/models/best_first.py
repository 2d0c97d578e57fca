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
from typing import TYPE_CHECKING, Any, NamedTuple

from repair.line_diff.answer_block import CLOSING, find_block
from repair.line_diff.numbered import LineDiffError, parse_lines

if TYPE_CHECKING:
    from repair.models.growing_cache import States

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


class Question(NamedTuple):
    """A prompt and the greedy answer to it in tokens, the latter without one that ends the text; and how many
    answers are wanted at most."""

    prompt: Sequence[int]
    greedy: Sequence[int]
    wanted: int
    read: "States | None" = None
    """What a cache held of the prompt but its last token; None: it has to be read."""


def likeliest_changes(
    model: Any, tokenizer: Any, questions: Sequence[Question], most_tokens: int
) -> list[list[Found]]:
    """Of each question at most `wanted` answers but the greedy one that change something, likeliest first.

    No answer is longer than `most_tokens`. Answers to several prompts are completed together.
    """
    import torch

    from repair.models.growing_cache import cache_of, states_of

    with torch.inference_mode():
        begun = [_begun(model, tokenizer, question, most_tokens) for question in questions]
        unfinished = [search for search in begun if search.is_open]
        rows = [states_of(search.cache) for search in unfinished]
        if together := [states for states in rows if states is not None]:
            _complete(model, unfinished, cache_of(model, together))
        else:
            for search in unfinished:
                _complete(model, [search], search.cache)
    return [search.found() for search in begun]


def _begun(model: Any, tokenizer: Any, question: Question, most_tokens: int) -> "_Search":
    """The likeliest answers up to the token at which they leave the greedy one."""
    import torch

    from repair.models.growing_cache import cache_of, growing_cache

    prompt, greedy, wanted, states = question
    cache = growing_cache(model) if states is None else cache_of(model, [states])
    unread = prompt if states is None else prompt[-1:]
    written = torch.tensor(_of_added_lines(tokenizer, greedy), dtype=torch.bool, device=model.device)
    begun: list[Found] = []
    if written.any():
        ids = torch.tensor([[*unread, *greedy]], device=model.device)
        read = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=len(greedy) + 1)
        scores = read.logits[0, :-1].float().log_softmax(-1)
        own = ids[0, len(unread) :, None]
        chosen = scores.gather(1, own)[:, 0]
        scores = scores.scatter(1, own, float("-inf")) + (chosen.cumsum(0) - chosen)[:, None]
        scores[~written] = float("-inf")
        best = scores.flatten().topk(max(WIDTH, wanted + SPARE))
        places = [divmod(index, scores.shape[1]) for index in best.indices.tolist()]
        begun = [
            Found([*greedy[:at], token], score)
            for (at, token), score in zip(places, best.values.tolist(), strict=True)
        ]
    return _Search(tokenizer, begun, question, cache, most_tokens)


def _complete(model: Any, searches: Sequence["_Search"], cache: Any) -> None:
    """Completes the rows of all searches. `cache` holds the prompt and the greedy answer of each, one below
    the other.

    The rows of a search are branches of one sequence (tree attention): a step reads a token of each, and each
    sees the prompt, what it has of the greedy answer, and its own tokens.
    """
    import torch

    device, lowest = model.device, torch.finfo(model.dtype).min
    most = max(len(search.rows) for search in searches)
    seen = torch.zeros(len(searches), most, cache.get_seq_length(), dtype=torch.bool, device=device)
    for number, search in enumerate(searches):
        # of the greedy answer a row sees what is before the token at which it leaves it
        ends = torch.tensor([search.position(row) for row in range(len(search.rows))], device=device)
        seen[number, : len(ends)] = torch.arange(seen.shape[2], device=device)[None] < ends[:, None]
    while searches:
        rows = [search.open_rows() for search in searches]
        width = max(map(len, rows))
        tokens = torch.zeros(len(searches), width, dtype=torch.long)
        positions = torch.zeros_like(tokens)
        own = torch.zeros(len(searches), most, width, dtype=torch.bool, device=device)
        for number, (search, read) in enumerate(zip(searches, rows, strict=True)):
            tokens[number, : len(read)] = torch.tensor([search.rows[row].tokens[-1] for row in read])
            positions[number, : len(read)] = torch.tensor([search.position(row) for row in read])
            own[number, read, range(len(read))] = True
        seen = torch.cat([seen, own], dim=2)
        mask = torch.full((len(searches), 1, width, seen.shape[2]), lowest, dtype=model.dtype, device=device)
        for number, read in enumerate(rows):
            mask[number, 0, : len(read)].masked_fill_(seen[number, read], 0)
        logits = model(
            input_ids=tokens.to(device),
            attention_mask=mask,
            position_ids=positions.to(device),
            past_key_values=cache,
            use_cache=True,
        ).logits
        best = logits.float().log_softmax(-1).max(-1)
        found = zip(searches, rows, best.indices.tolist(), best.values.tolist(), strict=True)
        for search, read, chosen, scores in found:
            search.go_on(read, chosen[: len(read)], scores[: len(read)])
        going = [number for number, search in enumerate(searches) if search.is_open]
        if 0 < len(going) < len(searches):
            cache.batch_select_indices(torch.tensor(going, device=device))
            seen = seen[going]
        searches = [searches[number] for number in going]


def _of_added_lines(tokenizer: Any, answer: Sequence[int]) -> list[bool]:
    """Of each token of an answer whether it stands in the text of an added line."""
    before = (_text(tokenizer, answer[:at]).rsplit("\n", 1)[-1] for at in range(len(answer)))
    return [_ADDED.match(line) is not None for line in before]


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class _Search:
    """The answers to a question that are being completed; `cache` holds the prompt and the greedy answer."""

    def __init__(
        self, tokenizer: Any, begun: Sequence[Found], question: Question, cache: Any, most_tokens: int
    ) -> None:
        self._tokenizer, self._question, self._most = tokenizer, question, most_tokens
        self._greedy = _text(tokenizer, question.greedy)
        self.rows, self.cache = list(begun), cache
        self._open = set(range(len(begun)))
        self._complete: dict[str, Found] = {}
        for row in list(self._open):
            self._look_at(row)

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    def open_rows(self) -> list[int]:
        return sorted(self._open)

    def position(self, row: int) -> int:
        """Of the last token of a row, from the prompt's first one on."""
        return len(self._question.prompt) + len(self.rows[row].tokens) - 1

    def found(self) -> list[Found]:
        """The likeliest of the complete answers, each text once."""
        likeliest = sorted(self._complete.values(), key=lambda found: -found.log_probability)
        return likeliest[: self._question.wanted]

    def go_on(self, rows: Sequence[int], tokens: Sequence[int], scores: Sequence[float]) -> None:
        for row, token, score in zip(rows, tokens, scores, strict=True):
            so_far = self.rows[row]
            if token == self._tokenizer.eos_token_id or len(so_far.tokens) >= self._most:
                self._open.discard(row)  # it ends without its closing line
                continue
            self.rows[row] = Found([*so_far.tokens, token], so_far.log_probability + score)
            self._look_at(row)
        enough = self.found()
        if len(enough) == self._question.wanted:
            last = enough[-1].log_probability
            self._open = {row for row in self._open if self.rows[row].log_probability > last}

    def _look_at(self, row: int) -> None:
        text = _text(self._tokenizer, self.rows[row].tokens)
        end = closed_at(text)
        if end is None:
            return
        self._open.discard(row)
        answer = text[:end]
        if answer == self._greedy or not changes_something(answer):
            return
        known = self._complete.get(answer)  # other tokens may write the same text
        if known is None or known.log_probability < self.rows[row].log_probability:
            self._complete[answer] = self.rows[row]
