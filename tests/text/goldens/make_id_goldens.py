"""Writes <vocabulary>.ids: texts and the ids that other engines give them. README.md says how to run it.

A line is: mode, text in hexadecimal, ids. Modes: `given` (a case that came with the vocabulary), `recognise` and
`as_text` (how special tokens in the text are read; no BOS), `add` (recognise, with BOS and EOS).
"""

import pathlib
import random
import sys

import random_text
import vocabularies
from pre_tokenizers import RULES

SPECIALS = {
    "llama-spm": ["<s>", "</s>", "<unk>", "<0x41>", "▁"],
    "gpt-2": ["<|endoftext|>", "<|endoftext|"],
    "falcon": [">>TITLE<<", "<|endoftext|>"],
    "smollm2": ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<|im_"],
}
CASES = 90
COMPARED = 4000


def second_opinion(name, vocab):
    """A function from text to ids that shares no code with llama.cpp; it knows no special tokens."""
    if vocab["model"] == "llama":
        return vocabularies.sentencepiece_model(vocab).EncodeAsIds
    rules = RULES["smollm" if name == "smollm2" else name]
    tokenizer = vocabularies.hugging_face(vocab, rules)
    return lambda text: tokenizer.encode(text).ids


def given_cases(path):
    inputs = pathlib.Path(str(path) + ".inp").read_bytes().split(b"\n__ggml_vocab_test__\n")
    outputs = pathlib.Path(str(path) + ".out").read_text().splitlines()
    return [("given", data, [int(i) for i in ids.split()]) for data, ids in zip(inputs, outputs)]


def has_all_bytes(vocab, llama, text):
    """Some vocabularies lack a few control bytes. Hugging Face drops them before it merges, llama.cpp after."""
    if vocab["model"] == "llama":
        return True
    return all(llama.encode(bytes([byte]), False, False) for byte in set(text.encode()) if byte < 0x80)


def compare(name, vocab, llama, rng):
    """Two engines on many texts without special tokens; they must agree."""
    opinion = second_opinion(name, vocab)
    texts = [t for t in random_text.texts(rng, COMPARED) if has_all_bytes(vocab, llama, t)]
    differ = sum(llama.encode(text.encode(), False, False) != opinion(text) for text in texts)
    print(f"{name}: of {len(texts)} texts the two engines differ on {differ}")


def main(name, path):
    rng = random.Random(20260923)
    llama = vocabularies.LlamaCpp(path)
    compare(name, vocabularies.read(path), llama, rng)
    lines = given_cases(path) if pathlib.Path(path + ".inp").exists() else []
    for mode in ("recognise", "as_text", "add"):
        for text in random_text.texts(rng, CASES, SPECIALS[name], longest=14):
            data = text.encode()
            lines.append((mode, data, llama.encode(data, mode == "add", mode != "as_text")))
    with open(pathlib.Path(__file__).parent / f"{name}.ids", "w") as out:
        out.write(f"ends\t\t{' '.join(map(str, llama.ends()))}\n")
        for mode, data, ids in lines:
            out.write(f"{mode}\t{data.hex()}\t{' '.join(map(str, ids))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
