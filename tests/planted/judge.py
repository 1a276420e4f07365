"""Holds what kilter said against what was planted."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from cases import OF_THE_PROMPT, Case, Kind
from diagnosis import Diagnosis, Finding, read_diagnosis
from dumps import Dump, distance

# Below this share of a value's size f32 itself may be to blame: nobody can ask for a verdict.
VISIBLE = 1e-4


class Answer:
    """What `kilter diagnose` printed, or that it did not."""

    def __init__(self, done: subprocess.CompletedProcess):
        self.diagnosis: Diagnosis | None = None
        self.failure = ""
        if "was run on other token ids" in done.stderr:
            # Said before anything is compared, in place of a diagnosis.
            self.diagnosis = Diagnosis("bug", [Finding("token-ids", ["token_embd"], [])])
            return
        try:
            self.diagnosis = read_diagnosis(done.stdout)
        except (ValueError, KeyError, TypeError):
            self.failure = f"exit code {done.returncode}: {(done.stderr or done.stdout).strip()[:300]}"


class Result(NamedTuple):
    group: str
    case: Case
    kind: Kind
    outcome: str
    said: str

    OUTCOMES = ["named", "tie", "none", "misplaced", "partly", "missed", "acquitted", "invisible", "WRONG",
                "ACCUSED", "FAILED"]
    GOOD = {"named", "tie", "acquitted", "invisible"}
    FORBIDDEN = {"WRONG", "ACCUSED", "FAILED"}
    WORTH_SAYING = {"none", "misplaced", "partly", "missed"} | FORBIDDEN


def differing(wrong: Dump, right: Dump) -> list:
    """Names of values that differ in a bit, the first one first: both runs are of one program, so whatever
    is before the bug is equal."""
    return [name for name, values in wrong.values.items()
            if right.shapes.get(name) != wrong.shapes[name] or values != right.values[name]]


def shown_part(dump: Dump, name: str, kind: Kind) -> list:
    """What of the value stands in a dump of that kind."""
    values, rows = dump.values[name], dump.shapes[name][0]
    size = len(values) // max(1, rows)
    if kind is Kind.ten:
        return [*values[: min(10, size)], *values[(rows - 1) * size : (rows - 1) * size + min(10, size)]]
    return values if kind is Kind.full or name == "logits" else []


def visible(wrong: Dump, right: Dump, kind: Kind) -> bool:
    """Whether a dump of this kind shows more than f32's own noise."""
    for name in differing(wrong, right):
        if name not in right.values or wrong.shapes[name] != right.shapes[name]:
            return True
        if distance(shown_part(wrong, name, kind), shown_part(right, name, kind)) > VISIBLE:
            return True
    return False


class Judge:
    """Knows which ids of kilter's catalogue are the right name of a planted bug."""

    def __init__(self, table: Path):
        self.accepted: dict = {}
        for line in table.read_text().splitlines():
            words = line.split()
            if words and not line.startswith("#"):
                self.accepted[words[0]] = words[1:]

    def names_of(self, bug: str) -> list:
        return self.accepted[bug.split("=")[0].split("@")[0]]

    def may_be_nameless(self, bug: str) -> bool:
        """Whether "nothing of the catalogue fits" is a right answer."""
        return "-" in self.names_of(bug)

    def result(self, case: Case, kind: Kind, answer: Answer, wrong: Path, right: Path) -> Result:
        outcome = "FAILED"
        if answer.diagnosis:
            outcome = self.outcome(case, kind, answer.diagnosis, wrong, right)
        said = answer.diagnosis.text() if answer.diagnosis else answer.failure
        group = "correct" if not case.bugs else "one bug" if len(case.bugs) == 1 else "two bugs"
        return Result(group, case, kind, outcome, said)

    def outcome(self, case: Case, kind: Kind, said: Diagnosis, wrong: Path, right: Path) -> str:
        if not case.bugs:
            return "acquitted" if not said.findings and said.verdict in ("clean", "explained") else "ACCUSED"
        if case.weight_rows:
            place, shown = [case.weight_rows.split(":")[0]], True
        else:
            dumps = Dump(wrong), Dump(right)
            place, shown = differing(*dumps), visible(*dumps, kind)
        if not said.findings:
            return "missed" if shown else "invisible"
        if len(case.bugs) > 1:
            return self.of_several(case, said)
        return self.of_one(case, kind, said.findings[0], place)

    def of_one(self, case: Case, kind: Kind, finding: Finding, place: list) -> str:
        names, nameless = self.names_of(case.bugs[0]), self.may_be_nameless(case.bugs[0])
        first = place[0] if place else ""
        in_place = kind is not Kind.full or first in finding.at or case.bugs[0] in OF_THE_PROMPT
        if finding.bug in names or not finding.bug and nameless:
            return "named" if in_place else "misplaced"
        if any(tie in names for tie in finding.ties):
            return "tie"
        return "WRONG" if finding.bug else "none"

    def of_several(self, case: Case, said: Diagnosis) -> str:
        """Each finding must be one of the bugs, and each bug found."""
        found = set()
        for finding in said.findings:
            of_finding = {bug for bug in case.bugs if self.fits(bug, finding)}
            if finding.bug and not of_finding:
                return "WRONG"
            found |= of_finding
        return "named" if len(found) == len(case.bugs) else "partly"

    def fits(self, bug: str, finding: Finding) -> bool:
        names = self.names_of(bug)
        if not finding.bug:
            return self.may_be_nameless(bug)
        return bool({finding.bug, *finding.ties} & set(names))
