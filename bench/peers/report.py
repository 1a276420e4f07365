#!/usr/bin/env python3
"""Writes the tables and plots of docs/performance.md from the stored results of every machine.

Usage: report.py [--results FOLDER] [--docs FOLDER]     rewrites docs/performance.md between its markers, and
                                                        the plots in docs/performance/
       report.py --print FILE                           the tables of one file of results, on standard output
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Optional

sys.dont_write_bytecode = True
import plan  # noqa: E402
import plots  # noqa: E402

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NO_RESULTS = "No results are stored in `bench/peers/results` yet."
NOTICEABLY_BUSY = 0.2  # of a processor, before the first engine runs
KINDS = ("prefill", "decode")
LANE_TITLES = {"amx": "with AMX", "no-amx": "without AMX"}


class Results:
    """One machine's file. A number asked for that was not measured is None."""

    def __init__(self, name: str, data: dict):
        self.name = name
        self.data = data
        self._series = {(entry["lane"], entry["model"], entry["threads"],
                         plan.Test(entry["kind"], entry["tokens"], entry["depth"]), entry["engine"]): entry
                        for entry in data["series"]}

    @property
    def lanes(self) -> list:
        return [lane for lane in LANE_TITLES if any(key[0] == lane for key in self._series)]

    def rows(self, lane: str) -> list:
        """(model, threads, test) in the order of the plan."""
        known = list(plan.MODEL_OF)
        rows = {key[1:4] for key in self._series if key[0] == lane}
        return sorted(rows, key=lambda row: (known.index(row[0]), row[2].kind == "decode", row[2].depth,
                                             -row[2].tokens, row[1]))

    def speed(self, lane: str, row: tuple, engine: str) -> Optional[float]:
        entry = self._series.get((lane, *row, engine))
        return statistics.median(entry["tok_s"]) if entry else None

    def ratio(self, lane: str, row: tuple, engine: str) -> Optional[float]:
        ours, theirs = self.speed(lane, row, engine), self.speed(lane, row, plan.LLAMA)
        return ours / theirs if ours and theirs else None

    def roof(self, lane: str, row: tuple) -> Optional[float]:
        """Tokens a second at which the weights alone take all of the measured read bandwidth."""
        _, threads, test = row
        entry = self._series.get((lane, *row, plan.KILTER_ACCURATE)) or {}
        gb_s = self.data["read_gb_s"].get(str(threads))
        if test.kind != "decode" or not gb_s or not entry.get("bytes_per_token"):
            return None
        return gb_s * 1e9 / entry["bytes_per_token"]

    def share(self, lane: str, row: tuple, engine: str) -> Optional[float]:
        speed, roof = self.speed(lane, row, engine), self.roof(lane, row)
        return speed / roof if speed and roof else None


# ---- Tables ----


def table(head: list, rows: list, numbers_from: int) -> str:
    """A Markdown table; columns from `numbers_from` on are set to the right."""
    rule = ["---" if column < numbers_from else "---:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" if row is not rule else "|" + "|".join(rule) + "|"
                     for row in [head, rule, *rows])


def shown(value: Optional[float], pattern: str = "") -> str:
    if value is None:
        return ""
    return pattern.format(value) if pattern else plots.number(value)


def speed_table(results: Results, lane: str) -> str:
    rows = []
    for row in results.rows(lane):
        model, threads, test = row
        speeds = [shown(results.speed(lane, row, engine)) for engine in plan.ENGINES]
        ratios = [shown(results.ratio(lane, row, engine), "{:.2f}") for engine in plan.ENGINES[1:]]
        shares = [shown(results.share(lane, row, engine), "{:.0%}") for engine in plan.ENGINES]
        share = " / ".join(shares) if all(shares) else ""
        rows.append([plan.MODEL_OF[model].title, test.title, str(threads), *speeds, *ratios, share])
    return table(["model", "test", "threads", "llama.cpp", "accurate", "fast", "accurate / llama.cpp",
                  "fast / llama.cpp", "share of read bandwidth"], rows, 2)


def variant_table(results: Results, lane: str) -> str:
    """What llama.cpp's switches did to it, before the rounds."""
    entries = [entry for entry in results.data["llama_variants"] if entry["lane"] == lane]
    switches = list(entries[0]["tok_s"]) if entries else []
    rows = []
    for entry in entries:
        test = plan.Test(entry["kind"], entry["tokens"], entry["depth"])
        speeds = [shown(entry["tok_s"][switch]) for switch in switches]
        rows.append([plan.MODEL_OF[entry["model"]].title, test.title, str(entry["threads"]), *speeds])
    return table(["model", "test", "threads", *(f"`{switch}`" for switch in switches)], rows, 2)


def goal_rows(results: Results) -> list:
    rows = []
    for goal in plan.GOALS:
        for lane in (lane for lane in goal.lanes if lane in results.lanes):
            rows += [goal_row(results, lane, row, goal) for row in results.rows(lane) if is_about(goal, row)]
    return rows


def is_about(goal: plan.Goal, row: tuple) -> bool:
    model, threads, test = row
    return (model, threads, test.kind, test.depth) == (goal.model, plan.GOAL_THREADS, goal.kind, 0) \
        and test.tokens in goal.tokens


def goal_row(results: Results, lane: str, row: tuple, goal: plan.Goal) -> list:
    read = goal.share_of == "read"
    value = (results.share if read else results.ratio)(lane, row, goal.engine)
    what = "share of the read bandwidth" if read else "times llama.cpp"
    pattern = "{:.0%}" if read else "{:.2f}"
    met = "" if value is None else "yes" if value >= goal.at_least else "no"
    subject = f"{plan.MODEL_OF[goal.model].title}, {row[2].title}, {goal.engine}, {LANE_TITLES[lane]}"
    return [subject, what, pattern.format(goal.at_least), shown(value, pattern), met]


def goal_table(results: Results) -> str:
    rows = goal_rows(results)
    if not rows:
        return "No goal was tested."
    return table(["2 threads", "in", "at least", "measured", "reached"], rows, 2)


def first_token_table(results: Results) -> str:
    rows = []
    for lane in results.lanes:
        seconds = {entry["engine"]: statistics.median(entry["seconds"])
                   for entry in results.data["first_token"] if entry["lane"] == lane}
        if len(seconds) == 2:
            times = [f"{1000 * seconds[engine]:.0f} ms" for engine in (plan.LLAMA, "kilter")]
            rows.append([LANE_TITLES[lane], *times, f"{seconds[plan.LLAMA] / seconds['kilter']:.2f}"])
    return table(["SmolLM2, 5 tokens of prompt, 2 threads", "llama.cpp", "kilter", "times faster"], rows, 1)


def memory_table(results: Results) -> str:
    rows = []
    for entry in results.data["memory"]:
        needed = entry["file_bytes"] + entry["kv_bytes"]
        peaks = [entry["peak_bytes"][engine] for engine in (plan.LLAMA, "kilter")]
        title = f"{plan.MODEL_OF[entry['model']].title}, {entry['context']} positions"
        rows.append([f"{title}, {LANE_TITLES[entry['lane']]}", f"{needed / plan.MIB:.0f} MiB",
                     *(f"{peak / plan.MIB:.0f} MiB ({peak / needed:.2f})" for peak in peaks)])
    return table(["peak resident memory", "file + f16 keys and values", "llama.cpp", "kilter"], rows, 1)


# ---- The text about one machine ----


def facts(results: Results) -> str:
    data, machine = results.data, results.data["machine"]
    read = ", ".join(f"{rate:.1f} GB/s on {threads} thread{'s' if threads != '1' else ''}"
                     for threads, rate in sorted(data["read_gb_s"].items()))
    lines = [f"{machine['cpu']}, {machine['processors']} processors, {machine['memory_gib']} GiB; "
             f"{', '.join(machine['features'])}.",
             f"Measured {data['date']}, {data['rounds']} rounds{' (quick)' if data['quick'] else ''}"
             + (f"; read bandwidth {read}" if read else "") + "."]
    if data["busy_before"] >= NOTICEABLY_BUSY:
        lines.append(f"Something else ran: {data['busy_before']:.1f} processors were busy. Measure again.")
    lines += [f"{name}: {note}." for name, note in data["notes"].items()]
    lines += [f"Left out: {plan.MODEL_OF[model].title}, {why}." for model, why in data["skipped"].items()]
    return "\n".join(lines)


def section(results: Results, plot_folder: Optional[str]) -> str:
    amx = ", AMX" if "amx" in results.lanes else ""
    parts = [f"### {results.data['machine']['cpu']}{amx}", facts(results), goal_table(results)]
    for lane in results.lanes:
        parts += [f"Tokens a second {LANE_TITLES[lane]}, medians:", speed_table(results, lane)]
        if plot_folder:
            paths = {kind: f"{plot_folder}/{results.name}-{lane}-{kind}.svg" for kind in KINDS}
            parts += ["\n".join(f"![{kind} {LANE_TITLES[lane]}]({path})" for kind, path in paths.items())]
    parts += [first_token_table(results), memory_table(results)]
    for lane in results.lanes:
        parts += [f"llama.cpp {LANE_TITLES[lane]}, tried once with each of its switches to choose them:",
                  variant_table(results, lane)]
    return "\n\n".join(parts)


def plot(results: Results, lane: str, kind: str) -> str:
    tests = {"prefill": (plan.PROMPT,), "decode": (plan.DECODE, plan.SHORT_DECODE)}[kind]
    rows = [row for row in results.rows(lane) if row[1] == plan.GOAL_THREADS and row[2] in tests]
    groups = [plots.Group(plan.MODEL_OF[row[0]].title,
                          tuple(results.speed(lane, row, engine) for engine in plan.ENGINES),
                          results.roof(lane, row)) for row in rows]
    roof = "; dashed: the memory's bandwidth" if any(group.roof for group in groups) else ""
    title = f"{kind.capitalize()}, tokens a second, 2 threads, {LANE_TITLES[lane]}{roof}"
    return plots.bars(title, "tok/s", plan.ENGINES, groups)


# ---- Writing ----


def load(path: Path) -> Results:
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.get("schema") != 1:
        raise ValueError(f"{path}: results of another version; measure again")
    return Results(path.stem, data)


def between_markers(page: str, content: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def write_docs(results_folder: Path, docs: Path) -> None:
    page = docs / "performance.md"
    machines = [load(path) for path in sorted(results_folder.glob("*.json"))]
    content = "\n\n".join(section(results, "performance") for results in machines) or NO_RESULTS
    page.write_text(between_markers(page.read_text(encoding="utf-8"), content), encoding="utf-8")
    for results in machines:
        (docs / "performance").mkdir(exist_ok=True)
        for lane in results.lanes:
            for kind in KINDS:
                path = docs / "performance" / f"{results.name}-{lane}-{kind}.svg"
                path.write_text(plot(results, lane, kind), encoding="utf-8")


def main(arguments: list) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, default=HERE.parent.parent / "docs")
    parser.add_argument("--print", type=Path, metavar="FILE", dest="only")
    options = parser.parse_args(arguments)
    try:
        if options.only:
            print(section(load(options.only), None))
        else:
            write_docs(options.results, options.docs)
    except (OSError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
