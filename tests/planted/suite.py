#!/usr/bin/env python3
"""Runs an engine with planted bugs, lets `kilter diagnose` look at its dumps, and counts.

Usage: suite.py ENGINE KILTER [--quick] [--models REGEX] [--bugs REGEX] [--kinds full,ten,logits,rows]
                [--pairs N] [--keep FOLDER] [--jobs N] [-v]

README.md says what is counted and how. Exit code 1: kilter accused somebody wrongly.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import Case, Kind, bug_cases, pair_cases, rounding_cases
from judge import Answer, Judge, Result
from models import MODELS, make


class Runner:
    """Runs one case after the other through both programs."""

    def __init__(self, engine: str, kilter: str, folder: Path):
        self.engine, self.kilter, self.folder = engine, kilter, folder
        self.judge = Judge(Path(__file__).parent / "bug_ids.txt")

    def run_engine(self, case: Case, switches: list, dump: Path, kind: Kind) -> None:
        command = [self.engine, str(case.model), *case.tokens(), *switches, *kind.options, "--dump", str(dump)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")

    def diagnose(self, case: Case, dump: Path) -> subprocess.CompletedProcess:
        command = [self.kilter, "diagnose", str(case.model), str(dump), "--json", *case.diagnose_options()]
        return subprocess.run(command, capture_output=True, text=True)

    def run(self, number: int, case: Case) -> list:
        """One result for each kind of dump that shows something."""
        base = self.folder / f"{number}"
        wrong, right = base.with_suffix(".full.safetensors"), base.with_suffix(".right.safetensors")
        if not case.weight_rows:
            self.run_engine(case, case.switches(), wrong, Kind.full)
            self.run_engine(case, [], right, Kind.full)
        results = []
        for kind in case.kinds:
            dump = base.with_suffix(f".{kind.name}{kind.suffix}")
            if kind is not Kind.full:
                self.run_engine(case, case.switches(), dump, kind)
            answer = Answer(self.diagnose(case, dump))
            results.append(self.judge.result(case, kind, answer, wrong, right))
        for path in self.folder.glob(f"{number}.*"):
            path.unlink()
        return results


def print_matrix(results: list) -> None:
    counts: dict = {}
    for result in results:
        column = counts.setdefault((result.group, result.kind.name), {})
        column[result.outcome] = column.get(result.outcome, 0) + 1
    outcomes = [o for o in Result.OUTCOMES if any(o in column for column in counts.values())]
    print(f"\n{'':24}" + "".join(f"{o:>12}" for o in outcomes))
    for (group, kind), column in counts.items():
        print(f"{group + ', ' + kind:24}" + "".join(f"{column.get(o, 0) or '-':>12}" for o in outcomes))


def print_lines(results: list, verbose: bool) -> None:
    for result in results:
        if verbose or result.outcome in Result.WORTH_SAYING:
            print(f"{result.outcome:10} {result.kind.name:6} {result.case.title()}: {result.said}", flush=True)


def report(results: list) -> int:
    print_matrix(results)
    wrong = sum(result.outcome in Result.FORBIDDEN for result in results)
    named = sum(result.outcome in Result.GOOD for result in results)
    print(f"\n{len(results)} dumps: {named} as hoped, {wrong} accused wrongly")
    return 1 if wrong or not results else 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plants bugs and counts what kilter says of them.")
    parser.add_argument("engine")
    parser.add_argument("kilter")
    parser.add_argument("--quick", action="store_true", help="each bug once, on the first model that shows it")
    parser.add_argument("--models", default="", help="only models whose name this expression finds")
    parser.add_argument("--bugs", default="", help="only bugs and roundings whose name it finds")
    parser.add_argument("--kinds", default="", help="of: full, ten, logits, rows")
    parser.add_argument("--pairs", type=int, default=0, help="so many runs with two bugs at once, too")
    parser.add_argument("--keep", help="a folder for the models, which are then found there the next time")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-v", action="store_true", help="a line for each dump")
    return parser.parse_args()


def chosen_cases(options: argparse.Namespace, models: list) -> list:
    kinds = [Kind[name] for name in options.kinds.split(",") if name]
    cases = bug_cases(options.engine, models, options.quick, kinds)
    cases += rounding_cases(options.engine, models[:1] if options.quick else models, kinds)
    cases = [case for case in cases if re.search(options.bugs, " ".join(case.bugs + case.roundings))]
    return cases + pair_cases(options.engine, models, options.pairs, kinds)


def main() -> int:
    options = read_arguments()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(options.keep or folder)
        kept.mkdir(parents=True, exist_ok=True)
        models = [make(options.kilter, m, kept) for m in MODELS if re.search(options.models, m.name)]
        runner = Runner(options.engine, options.kilter, Path(folder))
        cases = chosen_cases(options, models)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results: list = []
            for part in pool.map(runner.run, range(len(cases)), cases):
                print_lines(part, options.v)
                results += part
        return report(results)


if __name__ == "__main__":
    sys.exit(main())
