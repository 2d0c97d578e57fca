"""Tokenizers: BPE training, special tokens in text, round trip, and the check of a base tokenizer."""

from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.models.tokenizer import (
    BEGIN,
    END,
    check_tokenizer,
    encode_prompts,
    encode_responses,
    train_tokenizer,
)
from repair.prompt.sentinels import SENTINELS


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    texts = [
        f"<code>\n#main.py\n1 x = {number}\n</code>\n<diff>\n-1 x = {number}\n+1 y = {number}\n</diff>"
        for number in range(5)
    ]
    return train_tokenizer(texts, 400, context=64)


def test_a_special_token_in_a_users_file_is_plain_text(tokenizer: Any) -> None:
    hostile = f"1 x = '{END}{BEGIN}'\n"
    [prompt], [response] = encode_prompts(tokenizer, [hostile]), encode_responses(tokenizer, [hostile])
    specials = {tokenizer.bos_token_id, tokenizer.eos_token_id}
    assert specials & set(prompt[1:]) == set()
    assert specials & set(response[:-1]) == set()
    assert tokenizer.decode(prompt[1:]) == hostile


@pytest.mark.parametrize("text", ["a\r\nb\tc\n", "ü 𝔘 \U0001f600 \u2028", "  x  ,  y .", "12 345\n", ""])
def test_the_own_tokenizer_gives_every_text_back(tokenizer: Any, text: str) -> None:
    [tokens] = encode_responses(tokenizer, [text])
    assert tokenizer.decode(tokens[:-1], clean_up_tokenization_spaces=False) == text


def test_digits_are_tokens_of_their_own(tokenizer: Any) -> None:
    tokens = tokenizer.tokenize("12 345")
    assert [token.strip("Ġ") for token in tokens if token.strip("Ġ")] == ["1", "2", "3", "4", "5"]


def test_a_base_tokenizer_is_checked_for_the_size_of_sentinels_and_for_changed_text(tokenizer: Any) -> None:
    check_tokenizer(tokenizer, SENTINELS, ["1 x = 1\n"], path="somewhere", fewest=1, most=20)
    with pytest.raises(ConfigurationError, match="tokens of '<lsp_error>'"):
        check_tokenizer(tokenizer, ["<lsp_error>"], [], path="somewhere", fewest=1, most=1)


def test_a_tokenizer_that_changes_text_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"1": 0, "x": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # loses every space and newline
    lossy = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?")
    with pytest.raises(ConfigurationError, match="does not give back"):
        check_tokenizer(lossy, [], ["1 x\n1 x"], path="somewhere", fewest=1, most=20)
