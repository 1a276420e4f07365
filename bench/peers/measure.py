#!/usr/bin/env python3
"""Runs kilter and llama.cpp in turns and writes what was measured as JSON. bench/peers/run calls it.

Usage: measure.py --kilter PROGRAM --peers FOLDER --models FOLDER --smollm2 FILE --output FILE [--quick]
                  [--rounds N] [--note NAME=TEXT]...

Every round runs each engine once for each job; which of them goes first changes from round to round. The
file is written after every round, so an interrupted run leaves its whole rounds.
"""

import argparse
import datetime
import json
import os
import platform
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
import engines  # noqa: E402
import plan  # noqa: E402

SHOWN_FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


class Progress:
    """One line that changes, on a terminal; nothing anywhere else."""

    def __init__(self, stream=sys.stderr):
        self._stream = stream
        self._on = stream.isatty()

    def show(self, text: str) -> None:
        if self._on:
            width = os.get_terminal_size(self._stream.fileno()).columns - 1
            self._stream.write("\r\033[K" + text[:width])
            self._stream.flush()

    def clear(self) -> None:
        self.show("")


# ---- The machine ----


def machine() -> dict:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = set((re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE) or [" ", ""])[1].split())
    total = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "cpu": " ".join(name[1].split()) if name else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(total[1]) / plan.MIB),
        "features": [feature for feature in SHOWN_FEATURES if feature in flags],
    }


def available_mib() -> int:
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    return int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) // 1024


def busy_processors(seconds: float) -> float:
    """How many processors others keep busy. The load average would still remember the build before."""
    before = processor_ticks()
    time.sleep(seconds)
    used, idle = (after - earlier for after, earlier in zip(processor_ticks(), before))
    return (os.cpu_count() or 1) * used / max(used + idle, 1)


def processor_ticks() -> tuple:
    """(in use, idle) of all processors since the machine started: the first line of /proc/stat."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n", maxsplit=1)[0].split()
    user, nice, system, idle, waiting, *rest = (int(field) for field in fields[1:9])
    return user + nice + system + sum(rest), idle + waiting


def slug(described: dict) -> str:
    """The name of a machine's results: its processor, and whether it has AMX."""
    name = re.sub(r"\((?:r|tm|c)\)", "", described["cpu"].lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") + ("-amx" if has_amx(described) else "")


def has_amx(described: dict) -> bool:
    return "amx_int8" in described["features"]


# ---- Measuring ----


class Bench:
    """The programs, the models, and the results so far."""

    def __init__(self, options, progress: Progress):
        self.options = options
        self.progress = progress
        described = machine()
        self.lanes = plan.lanes(has_amx(described))
        self.series = {}  # (lane, model, threads, test, engine) to its tok_s
        self.results = {
            "schema": 1, "date": datetime.date.today().isoformat(), "quick": options.quick, "rounds": 0,
            "machine": described, "notes": dict(note.split("=", 1) for note in options.note), "skipped": {},
            "busy_before": busy_processors(1.0), "kilter_isa": {}, "read_gb_s": {}, "int8_mac_s": {},
            "llama_variants": [], "series": [], "first_token": [], "memory": [],
        }

    def run(self) -> None:
        jobs = self.fitting_jobs()
        best = self.choose_variants(jobs)
        rounds = self.options.rounds or plan.rounds(self.options.quick)
        for number in range(rounds):
            for lane in self.lanes:
                for job in jobs:
                    self.progress.show(f"round {number + 1} of {rounds}, {lane.title}: {job.model.title}, "
                                       f"{job.threads} threads")
                    self.play(lane, job, best[lane.name, job.model.name, job.threads], number)
            for lane in self.lanes:
                self.first_token(lane, number)
            self.results["rounds"] = number + 1
            self.write()
        for lane in self.lanes:
            self.memory(lane)
        self.write()
        self.progress.clear()

    def fitting_jobs(self) -> list:
        """Without the models that this machine's memory cannot hold twice."""
        free = available_mib()
        wanted = plan.jobs(self.options.quick)
        for job in wanted:
            if job.model.ram_mib > free:
                why = f"needs {job.model.ram_mib} MiB, {free} MiB are free"
                self.results["skipped"][job.model.name] = why
        return [job for job in wanted if job.model.name not in self.results["skipped"]]

    def choose_variants(self, jobs: list) -> dict:
        """Which switches are llama.cpp's best, test by test: tried once each, before the rounds."""
        best = {}
        for lane in self.lanes:
            for job in jobs:
                tried = {test: {} for test in job.tests}
                for variant in engines.VARIANTS:
                    self.progress.show(f"llama.cpp's best switches, {lane.title}: {job.model.title}, "
                                       f"{job.threads} threads, {variant.title}")
                    for sample in engines.llama_bench(
                            self.llama(lane, "llama-bench"), self.model(job.model), job.tests, job.threads,
                            variant):
                        tried[sample.test][variant] = sample.tok_s
                best[lane.name, job.model.name, job.threads] = {
                    test: max(speeds, key=speeds.get) for test, speeds in tried.items()}
                self.results["llama_variants"] += [
                    {"lane": lane.name, "model": job.model.name, "threads": job.threads, **test._asdict(),
                     "tok_s": {variant.title: speed for variant, speed in speeds.items()}}
                    for test, speeds in tried.items()]
        return best

    def play(self, lane: plan.Lane, job: plan.Job, best: dict, number: int) -> None:
        turns = [self.play_kilter, self.play_llama]
        for turn in turns if number % 2 == 0 else reversed(turns):
            for sample in turn(lane, job, best):
                key = (lane.name, job.model.name, job.threads, sample.test, sample.engine)
                entry = self.series.setdefault(key, {"tok_s": [], "bytes_per_token": None})
                entry["tok_s"].append(sample.tok_s)
                entry["bytes_per_token"] = sample.bytes_per_token or entry["bytes_per_token"]

    def play_kilter(self, lane: plan.Lane, job: plan.Job, _best: dict) -> list:
        report = engines.kilter_bench(self.options.kilter, self.model(job.model), job.tests, job.threads,
                                      lane.kilter_isa)
        self.results["kilter_isa"][lane.name] = report.isa
        self.keep_largest("read_gb_s", report.read_gb_s)
        self.keep_largest("int8_mac_s", {f"{lane.name} {threads}": rate
                                         for threads, rate in report.int8_mac_s.items()})
        return report.samples

    def play_llama(self, lane: plan.Lane, job: plan.Job, best: dict) -> list:
        return engines.llama_bench_best(self.llama(lane, "llama-bench"), self.model(job.model), job.tests,
                                        job.threads, best)

    def keep_largest(self, name: str, rates: dict) -> None:
        """A share of a roof is of the highest roof that was seen: noise can only lower one."""
        for key, rate in rates.items():
            self.results[name][key] = max(rate, self.results[name].get(key, 0))

    def first_token(self, lane: plan.Lane, number: int) -> None:
        asked = engines.Question(self.model(plan.MODEL_OF[plan.SMOLLM2]), plan.FIRST_TOKEN_PROMPT,
                                 plan.GOAL_THREADS, 64)
        turns = [
            (plan.LLAMA, lambda: engines.llama_answer(self.llama(lane, "llama-first-token"), asked)),
            ("kilter", lambda: engines.kilter_answer(self.options.kilter, asked, lane.kilter_isa)),
        ]
        for engine, answer in turns if number % 2 else reversed(turns):
            self.progress.show(f"first token, {lane.title}: {engine}")
            seconds = answer().first_output_s
            if seconds is None:
                raise engines.EngineError(f"{engine} answered nothing to '{plan.FIRST_TOKEN_PROMPT}'")
            entry = find_or_add(self.results["first_token"], {"lane": lane.name, "engine": engine}, "seconds")
            entry["seconds"].append(seconds)

    def memory(self, lane: plan.Lane) -> None:
        model = self.model(plan.MODEL_OF[plan.TINYLLAMA])
        context, prompt = plan.MEMORY_CONTEXT, " ".join([plan.FIRST_TOKEN_PROMPT] * 20)
        asked = engines.Question(model, prompt, plan.GOAL_THREADS, context)
        self.progress.show(f"memory, {lane.title}")
        inspected = engines.json_of([self.options.kilter, "inspect", model, "--json"])
        llama = engines.llama_answer(self.llama(lane, "llama-first-token"), asked)
        kilter = engines.kilter_answer(self.options.kilter, asked, lane.kilter_isa)
        self.results["memory"].append({
            "lane": lane.name, "model": plan.TINYLLAMA, "context": context,
            "file_bytes": model.stat().st_size, "kv_bytes": engines.kv_bytes(inspected, context),
            "peak_bytes": {"kilter": kilter.peak_bytes, plan.LLAMA: llama.peak_bytes},
        })

    def model(self, model: plan.Model) -> Path:
        """Made where it is missing; under another name first, so that half a model is never taken for one."""
        if not model.shape:
            return self.options.smollm2
        path = self.options.models / f"{model.name}.gguf"
        if not path.exists():
            self.progress.show(f"making {path.name}")
            part = path.with_suffix(".part")
            engines.output_of([self.options.kilter, "make-model", "--shape", model.shape,
                               "--type", model.type, "--seed", 1,
                               "--set", f"n_ctx={plan.MODEL_CONTEXT}", "-o", part])
            part.rename(path)
        return path

    def llama(self, lane: plan.Lane, program: str) -> Path:
        return self.options.peers / lane.llama_build / program

    def write(self) -> None:
        self.results["series"] = [
            {"lane": lane, "model": model, "threads": threads, **test._asdict(), "engine": engine, **entry}
            for (lane, model, threads, test, engine), entry in self.series.items()]
        path = self.options.output
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(rounded(self.results), indent=1) + "\n", encoding="utf-8")
        part.rename(path)


def find_or_add(entries: list, key: dict, values: str) -> dict:
    for entry in entries:
        if all(entry[name] == value for name, value in key.items()):
            return entry
    entries.append({**key, values: []})
    return entries[-1]


def rounded(value):
    """Five digits are more than a measurement has, and keep the stored results readable."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value


def parse(arguments: list):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("kilter", "peers", "models", "smollm2"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True,
                        help="a folder: the file is named after the machine")
    parser.add_argument("--quick", action="store_true", help="two models, two threads, three rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--note", action="append", default=[], metavar="NAME=TEXT")
    options = parser.parse_args(arguments)
    options.output = options.output / f"{slug(machine())}.json"
    return options


def main(arguments: list) -> int:
    options = parse(arguments)
    progress = Progress()
    try:
        Bench(options, progress).run()
    except engines.EngineError as error:
        progress.clear()
        print(f"measure: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.clear()
        return 130
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
