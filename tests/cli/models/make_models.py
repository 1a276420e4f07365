#!/usr/bin/env python3
"""Writes the test models of this folder. Usage: make_models.py FOLDER"""

import sys
from pathlib import Path

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, KV_HEADS, FFN, CONTEXT = 2, 32, 2, 1, 64, 2048
HEAD_WIDTH = WIDTH // HEADS
WORDS = ["▁", "H", "e", "l", "o", "w", "r", "d", "▁w", "or", "ll", "He", "▁wor", "ld", "Hell", "▁world", "Hello",
         "▁Hello"]


def add_vocabulary(writer: gguf.GGUFWriter) -> int:
    """SPM: control tokens, 256 bytes, and words whose scores rank the merges from the last to the first."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + WORDS
    scores = [0.0] * 259 + [float(rank - len(WORDS)) for rank in range(len(WORDS))]
    kinds = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(WORDS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    return len(tokens)


def add_hyper_parameters(writer: gguf.GGUFWriter) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD_WIDTH)


def tensors(vocabulary: int):
    """(name, shape slowest axis first, type) of every tensor."""
    f32, q8_0, q4_0 = (gguf.GGMLQuantizationType[name] for name in ("F32", "Q8_0", "Q4_0"))
    yield "token_embd.weight", (vocabulary, WIDTH), q8_0
    yield "output_norm.weight", (WIDTH,), f32
    for layer in range(LAYERS):
        rows = {"attn_q": HEADS * HEAD_WIDTH, "attn_k": KV_HEADS * HEAD_WIDTH, "attn_v": KV_HEADS * HEAD_WIDTH,
                "attn_output": WIDTH, "ffn_gate": FFN, "ffn_up": FFN}
        for name, count in rows.items():
            yield f"blk.{layer}.{name}.weight", (count, WIDTH), q4_0
        yield f"blk.{layer}.ffn_down.weight", (WIDTH, FFN), q4_0
        yield f"blk.{layer}.attn_norm.weight", (WIDTH,), f32
        yield f"blk.{layer}.ffn_norm.weight", (WIDTH,), f32


def add_tensors(writer: gguf.GGUFWriter, vocabulary: int, damage) -> None:
    random = np.random.default_rng(1)
    for name, shape, kind in tensors(vocabulary):
        values = np.ones(shape) if name.endswith("norm.weight") else random.normal(0, 0.05, shape)
        data = gguf.quants.quantize(values.astype(np.float32), kind)
        damage(name, data)
        writer.add_tensor(name, data, raw_dtype=kind)


def no_damage(name: str, data: np.ndarray) -> None:
    pass


def some_damage(name: str, data: np.ndarray) -> None:
    """One NaN, one infinite scale and one zero scale; all in known blocks."""
    if name == "output_norm.weight":
        data[5] = np.nan
    if name == "blk.1.ffn_up.weight":  # Q4_0: 18 bytes a block, the scale first; a row of 32 values is one block
        data[3, 0:2] = [0x00, 0x7C]
        data[7, 0:2] = [0x00, 0x00]


def write(path: Path, damage=no_damage, split: int = 0) -> None:
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=split)
    writer.add_name("Tiny")
    add_hyper_parameters(writer)
    vocabulary = add_vocabulary(writer)
    writer.add_chat_template("{{ messages }}")
    add_tensors(writer, vocabulary, damage)
    finish(writer)


def write_unsupported(path: Path) -> None:
    """An architecture that is not there, without a tokenizer."""
    writer = gguf.GGUFWriter(path, "abacus")
    writer.add_block_count(1)
    writer.add_tensor("blk.0.beads.weight", np.zeros((2, 4), np.float16))
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    folder = Path(sys.argv[1])
    write(folder / "tiny.gguf")
    write(folder / "damaged.gguf", some_damage)
    write(folder / "split.gguf", split=12)
    write_unsupported(folder / "abacus.gguf")


if __name__ == "__main__":
    main()
