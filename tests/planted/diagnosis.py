"""What `kilter diagnose --json` said, read in one place."""

import json
from typing import NamedTuple


class Finding(NamedTuple):
    bug: str  # "" where nothing of the catalogue fits
    at: list  # names of values, the first wrong one first; tensors, where only weights were dumped
    ties: list  # ids of other bugs


class Diagnosis(NamedTuple):
    verdict: str  # clean, explained, bug, undecided, nothing_compared
    findings: list

    def text(self) -> str:
        found = [f"{f.bug or 'nothing'} at {f.at[0] if f.at else '?'}" +
                 (f" or {'/'.join(f.ties)}" if f.ties else "") for f in self.findings]
        return f"{self.verdict}: {', '.join(found)}" if found else self.verdict


def read_diagnosis(text: str) -> Diagnosis:
    top = json.loads(text)
    findings = [Finding(f["bug"] or "", list(f["at"]) + list(f["weights"]), [tie["bug"] for tie in f["ties"]])
                for f in top["findings"]]
    return Diagnosis(top["verdict"].replace(" ", "_"), findings)
