"""Runs one engine once and reads what it reports. All that is known of an engine's interface is here."""

import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import NamedTuple, Optional

from plan import KILTER_ACCURATE, KILTER_FAST, LLAMA, Test


class EngineError(Exception):
    """A program failed, or said something else than expected."""


class Sample(NamedTuple):
    """`tok_s` of one run. `bytes_per_token` of the weights that a token reads: None where not reported."""
    engine: str
    test: Test
    tok_s: float
    bytes_per_token: Optional[float] = None


class Variant(NamedTuple):
    """The switches of llama.cpp that change its speed on a processor: each may win, by model and by test."""
    flash_attention: int
    repack: int

    @property
    def title(self) -> str:
        return f"-fa {self.flash_attention} --repack {self.repack}"


VARIANTS = tuple(Variant(flash, repack) for flash in (0, 1) for repack in (1, 0))


def output_of(command: list) -> str:
    """What the command prints. Its complaints are passed on only when it fails."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise EngineError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:]
        raise EngineError(f"exit status {done.returncode} from: {' '.join(command)}\n{complaint}")
    return done.stdout


def json_of(command: list):
    text = output_of(command)
    try:
        return json.loads(text)
    except ValueError as error:
        raise EngineError(f"no JSON from: {' '.join(map(str, command))}\n{text[:2000]}") from error


def grouped(tests) -> dict:
    """Tests by depth: both programs measure every length at every depth that one command names."""
    groups = {}
    for test in tests:
        groups.setdefault(test.depth, []).append(test)
    return groups


def lengths(tests, kind: str) -> str:
    return ",".join(str(test.tokens) for test in tests if test.kind == kind) or "0"


def shape_options(tests, depth: int, threads: int) -> list:
    """The options that kilter bench and llama-bench have in common."""
    return ["-p", lengths(tests, "prefill"), "-n", lengths(tests, "decode"), "-d", depth, "-t", threads]


# ---- kilter ----


class KilterReport(NamedTuple):
    samples: list
    isa: str
    read_gb_s: dict
    int8_mac_s: dict


def kilter_bench(program: Path, model: Path, tests, threads: int, isa: Optional[str]) -> KilterReport:
    """Each test once in each mode."""
    samples, report = [], {}
    for depth, group in grouped(tests).items():
        command = [program, "bench", model, *shape_options(group, depth, threads), "--mode", "fast,accurate"]
        command += ["--isa", isa] if isa else []
        report = json_of(command + ["-r", 1, "--json"])
        samples += kilter_samples(report, group)
    return KilterReport(samples, report.get("isa", ""), report.get("read_gb_s", {}),
                        report.get("int8_mac_s", {}))


def kilter_samples(report: dict, wanted) -> list:
    """The one place that knows the fields of `kilter bench --json`."""
    engines = {"fast": KILTER_FAST, "accurate": KILTER_ACCURATE}
    samples = []
    for run in report["runs"]:
        test = Test(run["test"], run["tokens"], run["depth"])
        if test in wanted and run["mode"] in engines:
            samples.append(Sample(engines[run["mode"]], test, run["tok_s"]["median"],
                                  run.get("bytes_per_token")))
    if len(samples) != len(engines) * len(wanted):
        raise EngineError(f"kilter bench reported {len(samples)} of {len(engines) * len(wanted)} runs")
    return samples


# ---- llama.cpp ----


def llama_bench(program: Path, model: Path, tests, threads: int, variant: Variant) -> list:
    """Each test once; llama-bench warms up by itself before."""
    samples = []
    for depth, group in grouped(tests).items():
        command = [program, "-m", model, *shape_options(group, depth, threads), "-r", 1, "-o", "json"]
        command += ["-fa", variant.flash_attention, "--repack", variant.repack]
        samples += llama_samples(json_of(command), group)
    return samples


def llama_samples(report: list, wanted) -> list:
    """The one place that knows the fields of `llama-bench -o json`."""
    samples = []
    for run in report:
        kind, tokens = ("prefill", run["n_prompt"]) if run["n_prompt"] else ("decode", run["n_gen"])
        test = Test(kind, tokens, run["n_depth"])
        if test in wanted:
            samples.append(Sample(LLAMA, test, max(run["samples_ts"])))
    if len(samples) != len(wanted):
        raise EngineError(f"llama-bench reported {len(samples)} of {len(wanted)} runs")
    return samples


def llama_bench_best(program: Path, model: Path, tests, threads: int, best: dict) -> list:
    """Each test with the variant that is the fastest for it (`best`: test to variant)."""
    samples = []
    for variant in VARIANTS:
        group = [test for test in tests if best[test] == variant]
        samples += llama_bench(program, model, group, threads, variant) if group else []
    return samples


# ---- One answer, start to end ----


class Answer(NamedTuple):
    """Seconds from the start of the process to its first output (None: it had none); its peak memory."""
    first_output_s: Optional[float]
    peak_bytes: int


def answer_of(command: list) -> Answer:
    """Runs a program that prints its first token and ends."""
    command = [str(part) for part in command]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    with child.stdout:
        select.select([child.stdout], [], [])
        seconds = time.perf_counter() - start
        # A token of a random model may be half a character, which kilter keeps back.
        said_something = bool(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise EngineError(f"exit status {child.returncode} from: {' '.join(command)}")
    return Answer(seconds if said_something else None, usage.ru_maxrss * 1024)


class Question(NamedTuple):
    """`context`: positions to make room for."""
    model: Path
    prompt: str
    threads: int
    context: int


def kilter_answer(program: Path, asked: Question, isa: Optional[str]) -> Answer:
    command = [program, "run", asked.model, "-p", asked.prompt, "-n", 1, "--temp", 0, "-t", asked.threads,
               "--ctx", asked.context]
    return answer_of(command + (["--isa", isa] if isa else []))


def llama_answer(program: Path, asked: Question) -> Answer:
    return answer_of([program, asked.model, asked.threads, asked.context, asked.prompt])


# ---- The model ----


def kv_bytes(inspected: dict, context: int) -> int:
    """Keys and values of `context` positions at two bytes a value, from `kilter inspect --json`."""
    prefix = inspected["architecture"] + "."
    facts = {name[len(prefix):]: value for name, value in inspected["hyper_parameters"].items()
             if name.startswith(prefix)}
    heads = facts["attention.head_count"]
    head = facts["embedding_length"] // heads
    key, value = (facts.get(f"attention.{part}_length", head) for part in ("key", "value"))
    return context * facts["block_count"] * facts.get("attention.head_count_kv", heads) * (key + value) * 2
