#!/usr/bin/env python3
"""Runs the transcripts in cases/. Usage: run_cases.py CASES_FOLDER KILTER... ; see README.md."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from test_hub import Hub

FOLDER = Path(__file__).resolve().parent
MODELS = FOLDER / "models"
SOURCE = FOLDER.parent.parent
SECONDS = 120


class Step:
    """A command and what it must say. `line` is where it stands."""

    def __init__(self, command: str, line: int):
        self.command = command
        self.line = line
        self.stdout = []
        self.stderr = []
        self.code = 0


def read_case(path: Path) -> list:
    steps = []
    prose = True  # until the next command; it starts the file or follows an empty line
    for number, line in enumerate(path.read_text().splitlines(), 1):
        mark, text = line[:2].rstrip(), line[2:]
        prose = mark != "$" and (prose or not line)
        if mark == "$":
            steps.append(Step(text, number))
        elif prose and mark not in ("|", "!", "=", ">"):
            continue
        elif prose or not steps:
            raise ValueError(f"{path}:{number}: an empty line ended what the command says; an empty line of it is '|'")
        elif mark == ">":
            steps[-1].command += "\n" + text
        elif mark == "|" or line == "...":
            steps[-1].stdout.append(text if mark == "|" else line)
        elif mark == "!":
            steps[-1].stderr.append(text)
        elif mark == "=":
            steps[-1].code = int(text)
        else:
            raise ValueError(f"{path}:{number}: a line starts with '$ ', '> ', '| ', '! ' or '= '")
    return steps


def pattern_of(lines: list) -> str:
    """A line `...` stands for any lines, `...` in a line for any text in it."""
    pattern = ""
    for line in lines:
        if line == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.split("...")) + "\n"
    return pattern


class Place:
    """An empty folder with the models in it, a hub, and `kilter` on PATH."""

    def __init__(self, kilter: list):
        self.folder = Path(tempfile.mkdtemp(prefix="kilter-case-"))
        self.hub = Hub(MODELS)
        work = self.folder / "work"
        work.mkdir()
        for model in MODELS.glob("*.gguf"):
            (work / model.name).symlink_to(model)
        program = self.folder / "bin" / "kilter"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in kilter) + ' "$@"\n')
        program.chmod(0o755)
        kept = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
        self.environment = {**kept, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(self.folder / "home"),
                            "LC_ALL": "C.UTF-8", "HF_ENDPOINT": self.hub.url, "SOURCE": str(SOURCE),
                            "CASES": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1", "PYTHON": sys.executable}

    def run(self, command: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", command], cwd=self.folder / "work", env=self.environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, errors="replace")

    def without_places(self, text: str) -> str:
        """The text with names in place of what differs from run to run."""
        for value, name in ((self.hub.url, "{hub}"), (self.hub.download_url, "{downloads}"), (str(SOURCE), "{source}"),
                            (str(self.folder), "{place}")):
            text = text.replace(value, name)
        return text

    def close(self):
        self.hub.close()
        shutil.rmtree(self.folder)


def check_case(path: Path, kilter: list) -> list:
    """What differs, as sentences."""
    place = Place(kilter)
    differences = []
    try:
        for step in read_case(path):
            done = place.run(step.command)
            where = f"{path.name}:{step.line}: $ {step.command}"
            for name, lines, text in (("stdout", step.stdout, done.stdout), ("stderr", step.stderr, done.stderr)):
                text = place.without_places(text)
                if not re.fullmatch(pattern_of(lines), text if not text or text.endswith("\n") else text + "\n"):
                    wanted = "\n".join(lines)
                    differences.append(f"{where}\n--- {name}, expected\n{wanted}\n--- {name}, got\n{text}")
            if done.returncode != step.code:
                differences.append(f"{where}\n--- exit code {done.returncode}, expected {step.code}\n{done.stderr}")
        differences += place.hub.faults
    finally:
        place.close()
    return differences


def make_test(path: Path, kilter: list):
    def test(self):
        differences = check_case(path, kilter)
        if differences:
            self.fail("\n\n".join(differences))

    return test


class Transcripts(unittest.TestCase):
    maxDiff = None


def main() -> None:
    cases, *kilter = sys.argv[1:]
    paths = sorted(Path(cases).glob("*.txt"))
    if not paths:
        sys.exit(f"{cases} holds no cases")
    for path in paths:
        setattr(Transcripts, "test_" + path.stem, make_test(path, kilter))
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Transcripts))
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
