"""Base models: GGUF files of installed packages, converted once; what is missing is said."""

import hashlib
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.models import base as bases
from repair.models.base import base_folder, bases_folder, packaged_file
from repair.models.gguf import converted
from repair.models.made_by import MADE_BY, file_sha256, read_made_by, weights_of, write_made_by


def package(folder: Path, content: bytes = b"weights") -> Path:
    """An installed package that holds one file and says its licence."""
    info = folder / "some_weights-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.2\nLicense: MIT\n")
    (folder / "some_weights").mkdir()
    (folder / "some_weights" / "model.gguf").write_bytes(content)
    return folder


def test_a_packages_file_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "WEIGHTS", package(tmp_path / "weights"))
    path = "package:some-weights/some_weights/model.gguf"
    file, origin = packaged_file(path)
    assert file.read_bytes() == b"weights"
    assert origin == {"path": path, "package": "some-weights 1.2", "licence": "MIT"}
    with pytest.raises(ConfigurationError, match=r"has no file 'some_weights/other\.gguf'"):
        packaged_file("package:some-weights/some_weights/other.gguf")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("package:no-such-weights/model.gguf", "`make setup` installs them"),
        ("package:no-such-weights", "expected package:NAME/FILE"),
        ("package:/model.gguf", "expected package:NAME/FILE"),
    ],
)
def test_what_is_not_installed_is_said(path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message), base_folder(path):
        pass


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"other")
    with pytest.raises(ConfigurationError, match="expected 000"):
        converted(tmp_path / "model.gguf", tmp_path / "bases", origin={}, sha256="0" * 64)
    assert not (tmp_path / "bases").exists()


def test_a_converted_file_is_not_converted_again(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    done = tmp_path / "bases" / f"model-{digest[:16]}"
    done.mkdir(parents=True)
    write_made_by(done, {"files": {"model.safetensors": "noted"}})
    (done / "model.safetensors").touch()
    assert converted(file, tmp_path / "bases", origin={}, sha256=digest) == done
    assert weights_of(done) == {"model.safetensors": "noted"}


def test_the_weights_of_a_folder_are_hashed_and_those_of_a_name_are_not(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert weights_of(tmp_path) == {"model.safetensors": file_sha256(tmp_path / "model.safetensors")}
    assert weights_of(Path("owner/name")) is None


@pytest.mark.parametrize("home", ["", "there"])
def test_converted_bases_are_below_the_home_or_in_the_users_cache(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("REPAIR_HOME", home and str(tmp_path / home))
    assert bases_folder() == tmp_path / (f"{home}/bases" if home else "cache/repair/bases")


def test_a_llama_in_gguf_becomes_a_folder_that_plain_transformers_load(tmp_path: Path) -> None:
    """A tiny file in the format of llama.cpp: weights in 4 bits, and the tokens of a byte-level tokenizer."""
    import numpy as np
    import torch
    from gguf import GGMLQuantizationType, GGUFWriter, quants
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    file = tmp_path / "tiny.gguf"
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(96)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000)
    tokens = ["<|endoftext|>", *bytes_to_unicode().values(), "ab"]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, *[1] * (len(tokens) - 1)])
    writer.add_token_merges(["a b"])
    for special in ("bos", "eos", "pad"):
        getattr(writer, f"add_{special}_token_id")(0)
    shapes = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64)}
    shapes |= {"ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}
    generator = np.random.default_rng(3)
    quantised: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        kind = GGMLQuantizationType.Q4_1
        packed = quants.quantize(generator.normal(size=shape).astype(np.float32), kind)
        quantised[name] = quants.dequantize(packed, kind)
        writer.add_tensor(f"blk.0.{name}.weight", packed, raw_dtype=kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", generator.normal(size=(len(tokens), 64)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    folder = converted(file, tmp_path / "bases", origin={"licence": "MIT"}, sha256=file_sha256(file))
    model = AutoModelForCausalLM.from_pretrained(folder)
    values = model.model.layers[0].self_attn.v_proj.weight
    torch.testing.assert_close(values, torch.tensor(quantised["attn_v"]).to(torch.bfloat16))
    assert AutoTokenizer.from_pretrained(folder)("ab b")["input_ids"][-1] == tokens.index("b")
    made_by = read_made_by(folder)
    assert made_by["origin"]["sha256"] == file_sha256(file)
    assert made_by["files"]["model.safetensors"] == file_sha256(folder / "model.safetensors")
    assert "dequantised Q4_1" in made_by["weights"]
    assert MADE_BY not in made_by["files"]
