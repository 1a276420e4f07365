"""Writes splits.txt: where Hugging Face's tokenizers library cuts random texts, for every set of rules.

First the texts, `text`, hexadecimal; then for each pre-tokenizer and text the lengths of the pieces in bytes.
"""

import pathlib
import random

from tokenizers import Regex, pre_tokenizers

import random_text
from pre_tokenizers import RULES

TEXTS = 110


def piece_lengths(splitter, text):
    ends = sorted({len(text[:end].encode()) for _, (_, end) in splitter.pre_tokenize_str(text)})
    return [end - begin for begin, end in zip([0] + ends, ends)]


def main():
    texts = random_text.texts(random.Random(20260924), TEXTS, longest=14)
    with open(pathlib.Path(__file__).parent / "splits.txt", "w") as out:
        for text in texts:
            out.write(f"text\t{text.encode().hex()}\n")
        for name, expressions in RULES.items():
            steps = [pre_tokenizers.Split(Regex(e), "isolated") for e in expressions]
            splitter = pre_tokenizers.Sequence(steps)
            for text in texts:
                out.write(f"{name}\t{' '.join(map(str, piece_lengths(splitter, text)))}\n")


if __name__ == "__main__":
    main()
