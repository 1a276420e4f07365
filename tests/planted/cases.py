"""Which bugs are planted into which models, and what is dumped."""

import random
import subprocess
from enum import Enum
from pathlib import Path
from typing import NamedTuple

PROMPT = [1, 5, 9, 200, 17, 88, 301, 42]
DECODED = [33, 7, 120]

# Bugs that change the tokens: a person who finds them says which tokens were meant.
OF_THE_PROMPT = {"bos-twice", "bos-missing", "eos-appended", "prefix-lost", "special-split", "last-token-twice"}

# Bugs that show in the decoded rows of a weight; the others do not touch them.
OF_DECODING = ("q4", "q5", "q6k", "q2k", "q3k", "k-s", "f16-", "first-block", "block-size", "type-number",
               "one-type", "offset-", "no-padding", "alignment-")

# A bug with a number is planted with these.
NUMBERS = {"eps": ["eps=1e-6", "eps=1e-4", "eps=1e-2"], "rope-base": ["rope-base=500000", "rope-base=77777"],
           "clamp": ["clamp=0.5"], "score-cap": ["score-cap=1"], "window": ["window=4"]}


class Kind(Enum):
    """What is dumped: the engine's options, and the end of the file's name."""

    full = ([], ".safetensors")
    ten = (["--dump-kind", "ten"], ".json")
    logits = (["--dump-kind", "logits"], ".safetensors")
    rows = ([], ".json")

    @property
    def options(self) -> list:
        return self.value[0]

    @property
    def suffix(self) -> str:
        return self.value[1]


class Case(NamedTuple):
    model: Path
    bugs: list
    roundings: list
    kinds: list
    weight_rows: str = ""  # "NAME:ROW:COUNT", in place of values

    def tokens(self) -> list:
        if self.weight_rows:
            return ["--weight", self.weight_rows]
        return ["--ids", ",".join(map(str, PROMPT)), "--decode", ",".join(map(str, DECODED))]

    def switches(self) -> list:
        return [w for b in self.bugs for w in ("--bug", b)] + [w for r in self.roundings for w in ("--round", r)]

    def diagnose_options(self) -> list:
        if not any(bug in OF_THE_PROMPT for bug in self.bugs):
            return []
        return ["--ids", ",".join(map(str, PROMPT + DECODED))]

    def title(self) -> str:
        what = " + ".join(self.bugs + self.roundings) or "no bug"
        return f"{self.model.stem}, {what}" + (f", {self.weight_rows}" if self.weight_rows else "")


def listed(engine: str, option: str) -> list:
    lines = subprocess.run([engine, option], check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split("\t")[0] for line in lines]


def planted_names(engine: str) -> list:
    return [name for bug in listed(engine, "--list") for name in NUMBERS.get(bug, [bug])]


def changes_something(engine: str, case: Case, folder: Path) -> bool:
    """Whether a dump of the wrong run differs from that of a right one in a single bit."""
    bytes_of = []
    for switches in ([], case.switches()):
        path = folder / f"{case.model.stem}.changes"
        command = [engine, str(case.model), *case.tokens(), *switches, "--dump", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        bytes_of.append(path.read_bytes())
        path.unlink()
    return bytes_of[0] != bytes_of[1]


def first_that_changes(engine: str, cases: list) -> list:
    for case in cases:
        if changes_something(engine, case, case.model.parent):
            return [case]
    return []


def bug_cases(engine: str, models: list, quick: bool, kinds: list) -> list:
    cases = []
    of_values = [kind for kind in kinds or ([Kind.full] if quick else list(Kind)) if kind is not Kind.rows]
    for name in planted_names(engine):
        if of_values:
            everywhere = [Case(model, [name], [], of_values) for model in models]
            cases += first_that_changes(engine, everywhere) if quick else everywhere
        if name.startswith(OF_DECODING) and (Kind.rows in kinds or not kinds):
            everywhere = [Case(model, [name], [], [Kind.rows], f"{tensor}.weight:0:3") for model in models
                          for tensor in ("token_embd", "blk.0.attn_q", "blk.1.attn_v")]
            cases += first_that_changes(engine, everywhere) if quick else everywhere
    return cases


def rounding_cases(engine: str, models: list, kinds: list) -> list:
    """Correct runs: without any switch, and with each way of rounding."""
    of_values = [kind for kind in kinds or [Kind.full, Kind.ten, Kind.logits] if kind is not Kind.rows]
    each = [[]] + [[name] for name in listed(engine, "--list-roundings")]
    return [Case(model, [], roundings, of_values) for model in models for roundings in each if of_values]


def pair_cases(engine: str, models: list, count: int, kinds: list) -> list:
    """Two bugs at once, each of which changes something by itself, drawn with a fixed seed."""
    draw = random.Random(1)
    names = [name for name in planted_names(engine) if name not in OF_THE_PROMPT]
    of_values = [kind for kind in kinds or [Kind.full] if kind is not Kind.rows]
    cases: list = []
    while len(cases) < count and of_values:
        case = Case(draw.choice(models), draw.sample(names, 2), [], of_values)
        if all(changes_something(engine, case._replace(bugs=[bug]), case.model.parent) for bug in case.bugs):
            cases.append(case)
    return cases
