#!/usr/bin/env python3
"""bench/peers, with engines that are scripts: they report chosen speeds, so that every expected median, ratio
and share below is worked out by hand."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import engines  # noqa: E402
import measure  # noqa: E402
import plan  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402

# What every stand-in does first: note its arguments, and count its calls with the same ones.
HEAD = """#!/usr/bin/env python3
import json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
name, args = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.path.join(folder, "..", "calls"), "a+") as calls:
    calls.seek(0)
    earlier = calls.read().splitlines().count(" ".join([name] + args))
    calls.write(" ".join([name] + args) + "\\n")
def option(name): return args[args.index(name) + 1]
def numbers(name): return [int(n) for n in option(name).split(",") if n != "0"]
smollm2 = any("smollm2" in a for a in args)
"""

# fast: 500, 700, 600 tokens a second in rounds 1 to 3, decode 46; accurate: 300, 330, 310, decode 44.
KILTER = HEAD + """
speeds = {"fast": ([500, 700, 600], 46), "accurate": ([300, 330, 310], 44)}
def entry(mode, test, tokens):
    speed = speeds[mode][0][earlier] if test == "prefill" else speeds[mode][1]
    return {"mode": mode, "threads": int(option("-t")), "test": test, "tokens": tokens,
            "depth": int(option("-d")), "tok_s": {"median": speed, "min": speed, "max": speed},
            "bytes_per_token": 5e8}
if args[0] == "bench":
    runs = [entry(mode, test, tokens) for mode in option("--mode").split(",")
            for test, flag in (("prefill", "-p"), ("decode", "-n")) for tokens in numbers(flag)]
    print(json.dumps({"isa": "avx512", "read_gb_s": {"2": 24 + earlier / 2}, "int8_mac_s": {"2": 1e12},
                      "runs": runs}))
elif args[0] == "make-model":
    open(option("-o"), "w").write("GGUF")
elif args[0] == "inspect":
    print(json.dumps({"architecture": "llama", "hyper_parameters": {
        "llama.block_count": 22, "llama.embedding_length": 2048,
        "llama.attention.head_count": 32, "llama.attention.head_count_kv": 4}}))
elif args[0] == "run" and smollm2:
    print(" Paris")
"""

# -fa 1 --repack 0 is the best for prefill (100), -fa 0 --repack 1 for decode (23); others are half of it.
LLAMA_BENCH = HEAD + """
def entry(prompt, generated):
    best = ("1", "0") if prompt else ("0", "1")
    speed = (100 if prompt else 23) / (1 if (option("-fa"), option("--repack")) == best else 2)
    return {"n_prompt": prompt, "n_gen": generated, "n_depth": int(option("-d")), "samples_ts": [speed]}
print(json.dumps([entry(n, 0) for n in numbers("-p")] + [entry(0, n) for n in numbers("-n")]))
"""

FIRST_TOKEN = HEAD + """
print(" Paris")
"""

MACHINE = {"cpu": "Some(R) CPU @ 2.00GHz", "processors": 2, "memory_gib": 16, "features": ["avx512f"]}
WITH_AMX = {**MACHINE, "features": ["avx512f", "amx_int8"]}


class Bench:
    """A folder with stand-ins, and one run of measure.py over them."""

    def __init__(self, folder: Path, machine=None, **programs):
        self.folder = folder
        self.machine = machine or MACHINE
        self.busy = 0.1
        peers = {"llama-bench": LLAMA_BENCH, "llama-first-token": FIRST_TOKEN}
        stand_ins = {f"{build}/{name}": peers[name] for build in ("native", "no-amx") for name in peers}
        for name, text in {"kilter/kilter": KILTER, **stand_ins, **programs}.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)
        (folder / "models").mkdir()
        (folder / "smollm2.gguf").write_text("GGUF", encoding="utf-8")

    def run(self, *options) -> tuple:
        """(exit code, standard output, standard error)"""
        out, err = io.StringIO(), io.StringIO()
        paths = {"--kilter": "kilter/kilter", "--peers": "", "--models": "models",
                 "--smollm2": "smollm2.gguf", "--output": "results"}
        arguments = [part for name, path in paths.items() for part in (name, str(self.folder / path))]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
             mock.patch.object(measure, "busy_processors", lambda seconds: self.busy), \
             mock.patch.object(measure, "machine", lambda: self.machine), \
             mock.patch.object(measure, "Progress", lambda: mock.Mock()), \
             mock.patch.object(measure, "available_mib", lambda: 4000):
            code = measure.main([*arguments, *options])
        return code, out.getvalue(), err.getvalue()

    def calls(self) -> list:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    def results(self) -> report.Results:
        return report.load(next((self.folder / "results").glob("*.json")))


class PeersTest(unittest.TestCase):
    measured_benches = {}

    def bench(self, machine=None, **programs) -> Bench:
        folder = tempfile.TemporaryDirectory()
        unittest.addModuleCleanup(folder.cleanup)
        return Bench(Path(folder.name), machine, **programs)

    def measured(self, with_amx=False) -> Bench:
        """A quick run, measured once for all tests: they only read it."""
        if with_amx not in self.measured_benches:
            bench = self.bench(WITH_AMX if with_amx else MACHINE)
            code, out, err = bench.run("--quick")
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(out.strip(), str(bench.folder / "results" / bench.results().name) + ".json")
            self.measured_benches[with_amx] = bench
        return self.measured_benches[with_amx]


class MeasureTest(PeersTest):
    def test_every_round_adds_one_sample_of_each_engine(self):
        series = {(entry["model"], entry["engine"], entry["kind"], entry["tokens"]): entry
                  for entry in self.measured().results().data["series"]}
        self.assertEqual(len(series), 2 * 3 * 3)  # models, engines, tests
        self.assertEqual(series[plan.TINYLLAMA, "kilter fast", "prefill", 512]["tok_s"], [500, 700, 600])
        self.assertEqual(series[plan.TINYLLAMA, "kilter accurate", "prefill", 16]["tok_s"], [300, 330, 310])
        self.assertEqual(series[plan.SMOLLM2, "llama.cpp", "decode", 32]["tok_s"], [23, 23, 23])

    def test_llama_cpp_runs_each_test_with_its_best_switches(self):
        calls = [call for call in self.measured().calls() if call.startswith("llama-bench")]
        # Two jobs: four variants are tried, then there are two commands a job and round.
        self.assertEqual(len(calls), 2 * 4 + 3 * 2 * 2)
        best = [call for call in calls if calls.count(call) == 3]
        prefill, decode = "-p 512,16 -n 0 -d 0 -t 2 -r 1 -o json -fa 1 --repack 0", \
            "-p 0 -n 32 -d 0 -t 2 -r 1 -o json -fa 0 --repack 1"
        for call in best:
            self.assertIn(prefill if " -n 0 " in call else decode, call)
        self.assertEqual(len(best), 12)

    def test_the_engines_take_turns_at_going_first(self):
        calls = [call for call in self.measured().calls() if plan.TINYLLAMA in call and " -r 1 " in call][4:]
        self.assertEqual([call.split()[0] for call in calls], ["kilter", "llama-bench", "llama-bench",
                                                                "llama-bench", "llama-bench", "kilter",
                                                                "kilter", "llama-bench", "llama-bench"])

    def test_with_amx_each_build_meets_the_same_instructions(self):
        bench = self.measured(with_amx=True)
        self.assertEqual(bench.results().lanes, ["amx", "no-amx"])
        kilter = [call for call in bench.calls() if call.startswith("kilter bench")]
        self.assertEqual(sum("--isa avx512" in call for call in kilter), len(kilter) // 2)
        answers = [call for call in bench.calls() if call.startswith("kilter run")]
        self.assertEqual(sum("--isa avx512" in call for call in answers), len(answers) // 2)
        self.assertEqual(bench.results().name, "some-cpu-2-00ghz-amx")

    def test_models_are_made_once(self):
        made = [call for call in self.measured().calls() if "make-model" in call]
        self.assertEqual(len(made), 1)
        self.assertIn("--shape tinyllama --type q4_k_m --seed 1 --set n_ctx=8192", made[0])

    def test_a_model_that_does_not_fit_is_left_out_and_named(self):
        bench = self.bench()
        jobs = [plan.Job(model, 2, (plan.PROMPT,)) for model in plan.MODELS]
        with mock.patch.object(plan, "jobs", lambda quick: jobs):
            self.assertEqual(bench.run("--rounds", "1")[0], 0)
        left_out = {"llama3-8b-q4_k_m": "needs 13000 MiB, 4000 MiB are free",
                    "tinyllama-f16": "needs 5000 MiB, 4000 MiB are free"}
        self.assertEqual(bench.results().data["skipped"], left_out)

    def test_the_deep_test_is_a_command_of_its_own(self):
        bench = self.bench()
        job = plan.Job(plan.MODEL_OF[plan.TINYLLAMA], 2, (plan.PROMPT, plan.DEEP_DECODE))
        with mock.patch.object(plan, "jobs", lambda quick: [job]):
            bench.run("--rounds", "1")
        self.assertTrue(any("-p 0 -n 32 -d 4096" in call for call in bench.calls()))
        self.assertFalse(any("-p 512" in call and "4096" in call for call in bench.calls()))

    def test_memory_counts_file_and_keys_and_values(self):
        entry = self.measured().results().data["memory"][0]
        self.assertEqual(entry["file_bytes"], 4)
        # 4096 positions, 22 layers, 4 heads, 64 + 64 values, 2 bytes.
        self.assertEqual(entry["kv_bytes"], 92274688)
        self.assertGreater(entry["peak_bytes"]["kilter"], 1 << 20)

    def test_a_failing_engine_is_named_with_its_complaint(self):
        bench = self.bench(**{"native/llama-bench": HEAD + 'sys.exit("no such model")\n'})
        code, out, err = bench.run("--quick")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"exit status 1 from: .*llama-bench(.|\n)*no such model")

    def test_a_missing_run_is_an_error_not_a_gap(self):
        bench = self.bench(**{"native/llama-bench": HEAD + "print([])\n"})
        self.assertIn("llama-bench reported 0 of 3 runs", bench.run("--quick")[2])

    def test_no_answer_to_the_prompt_is_an_error(self):
        bench = self.bench(**{"native/llama-first-token": HEAD})
        self.assertIn("llama.cpp answered nothing", bench.run("--quick")[2])


class ReportTest(PeersTest):
    def test_ratios_are_of_medians(self):
        table = report.speed_table(self.measured().results(), "no-amx")
        # fast 600 over 100, accurate 310 over 100; decode 46 and 44 over 23.
        tinyllama = "| TinyLlama shape, Q4_K_M | "
        self.assertIn(tinyllama + "prefill 512 | 2 | 100 | 310 | 600 | 3.10 | 6.00 |  |", table)
        # The highest bandwidth seen is 24 + 2 / 2 = 25 GB/s: 50 tokens of 5e8 bytes a second.
        decode = "decode 32 | 2 | 23.0 | 44.0 | 46.0 | 1.91 | 2.00 | 46% / 88% / 92% |"
        self.assertIn(tinyllama + decode, table)

    def test_all_switches_of_llama_cpp_are_shown(self):
        table = report.variant_table(self.measured().results(), "no-amx")
        head = "`-fa 0 --repack 1` | `-fa 0 --repack 0` | `-fa 1 --repack 1` | `-fa 1 --repack 0` |"
        self.assertIn(head, table)
        self.assertIn("| TinyLlama shape, Q4_K_M | prefill 512 | 2 | 50.0 | 50.0 | 50.0 | 100 |", table)
        self.assertIn("| TinyLlama shape, Q4_K_M | decode 32 | 2 | 23.0 | 11.5 | 11.5 | 11.5 |", table)

    def test_goals_are_met_or_not(self):
        rows = {row[0]: row[3:] for row in report.goal_rows(self.measured().results())}
        tinyllama = "TinyLlama shape, Q4_K_M, "
        self.assertEqual(rows[tinyllama + "prefill 512, kilter fast, without AMX"], ["6.00", "yes"])
        self.assertEqual(rows[tinyllama + "decode 32, kilter fast, without AMX"], ["92%", "yes"])
        self.assertEqual(rows[tinyllama + "decode 32, kilter accurate, without AMX"], ["88%", "no"])
        smollm2 = "SmolLM2-135M-Instruct, Q4_1, "
        self.assertEqual(rows[smollm2 + "decode 32, kilter accurate, without AMX"], ["1.91", "yes"])
        self.assertEqual(len(rows), 8)

    def test_a_busy_machine_is_told_on(self):
        self.assertNotIn("Something else ran", report.facts(self.measured().results()))
        bench = self.bench()
        bench.busy = 1.5
        job = plan.Job(plan.MODEL_OF[plan.SMOLLM2], 2, (plan.PROMPT,))
        with mock.patch.object(plan, "jobs", lambda quick: [job]):
            bench.run("--rounds", "1")
        self.assertIn("Something else ran: 1.5 processors were busy.", report.facts(bench.results()))

    def test_the_goals_with_amx_are_higher(self):
        rows = report.goal_rows(self.measured(with_amx=True).results())
        least = [row[2] for row in rows if "prefill 512, kilter fast" in row[0]]
        self.assertEqual(least, ["5.50", "2.50"])

    def test_first_token_and_memory(self):
        results = self.measured().results()
        results.data["first_token"] = [
            {"lane": "no-amx", "engine": "llama.cpp", "seconds": [0.3, 0.1, 0.2]},
            {"lane": "no-amx", "engine": "kilter", "seconds": [0.05, 0.04, 0.06]}]
        self.assertIn("| without AMX | 200 ms | 50 ms | 4.00 |", report.first_token_table(results))
        results.data["memory"] = [{"lane": "no-amx", "model": plan.TINYLLAMA, "context": 4096,
                                   "file_bytes": 600 << 20, "kv_bytes": 100 << 20,
                                   "peak_bytes": {"kilter": 770 << 20, "llama.cpp": 1400 << 20}}]
        self.assertIn("| 700 MiB | 1400 MiB (2.00) | 770 MiB (1.10) |", report.memory_table(results))

    def test_docs_change_between_the_markers_only(self):
        bench = self.measured()
        docs = bench.folder / "docs"
        docs.mkdir()
        page = docs / "performance.md"
        page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
        for _ in range(2):  # the second time changes nothing
            report.write_docs(bench.folder / "results", docs)
            text = page.read_text(encoding="utf-8")
            self.assertRegex(text, r"^before\n(.|\n)*\nafter\n$")
            self.assertNotIn("old", text)
            self.assertEqual(text.count("### Some(R) CPU"), 1)
        shown = re.findall(r"!\[.*\]\((performance/.*)\)", text)
        self.assertEqual(len(shown), 2)
        for plot in shown:
            xml.etree.ElementTree.parse(docs / plot)

    def test_a_page_without_markers_is_left_alone(self):
        with self.assertRaisesRegex(ValueError, "lacks the lines"):
            report.between_markers("text", "tables")

    def test_no_folder_of_this_machine_is_stored(self):
        bench = self.measured()
        self.assertNotIn(str(bench.folder), json.dumps(bench.results().data))


class PlotTest(unittest.TestCase):
    def test_bars_are_as_long_as_their_values(self):
        # 530 pixels stand for the largest number of a group: the roof of 50, the 10.
        groups = [plots.Group("g", (25, 40), 50), plots.Group("h", (10, None))]
        drawn = plots.bars("a < b", "tok/s", ("x", "y"), groups)
        root = xml.etree.ElementTree.fromstring(drawn)
        widths = [float(rect.get("width")) for rect in root.iter() if rect.tag.endswith("rect")][2:]
        self.assertEqual(widths, [265.0, 424.0, 530.0])
        roofs = [line.get("x1") for line in root.iter() if line.get("class") == "roof"]
        self.assertEqual(roofs, [f"{plots.LEFT + 530:.1f}"])
        self.assertIn("prefers-color-scheme: dark", drawn)

    def test_numbers_have_three_digits(self):
        shown = [plots.number(value) for value in (1250.4, 205.2, 24.31, 0.512)]
        self.assertEqual(shown, ["1,250", "205", "24.3", "0.51"])


class ProgressTest(unittest.TestCase):
    def test_nothing_is_shown_where_nobody_watches(self):
        stream = io.StringIO()
        measure.Progress(stream).show("round 1")
        self.assertEqual(stream.getvalue(), "")

    def test_a_terminal_sees_one_line(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        with os.fdopen(slave, "w") as stream:
            with mock.patch.object(os, "get_terminal_size", lambda _: os.terminal_size((10, 24))):
                measure.Progress(stream).show("round 1 of 3")
        self.assertEqual(os.read(master, 100), b"\r\x1b[Kround 1 o")


class MachineTest(unittest.TestCase):
    def test_busy_processors_are_counted_over_the_time_between(self):
        # 4 processors; of 400 ticks 100 were in use: one processor.
        ticks = iter([(1000, 5000), (1100, 5300)])
        with mock.patch.object(measure, "processor_ticks", lambda: next(ticks)), \
             mock.patch.object(os, "cpu_count", lambda: 4):
            self.assertEqual(measure.busy_processors(0), 1.0)

    def test_what_this_process_burns_counts_as_in_use(self):
        first, start = measure.processor_ticks(), time.process_time()
        while time.process_time() < start + 0.3:
            pass
        used = measure.processor_ticks()[0] - first[0]
        self.assertGreaterEqual(used, 0.2 * os.sysconf("SC_CLK_TCK"))


class CommandLineTest(unittest.TestCase):
    def test_an_engine_that_is_not_there(self):
        with self.assertRaisesRegex(engines.EngineError, "No such file"):
            engines.output_of(["/nowhere/llama-bench"])


class RunTest(unittest.TestCase):
    """The command itself, as far as it goes without building anything."""

    def run_with(self, *options) -> subprocess.CompletedProcess:
        command = [str(ROOT / "bench" / "peers" / "run"), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def test_help_says_where_things_are_kept(self):
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "/elsewhere"}):
            done = self.run_with("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("/elsewhere/kilter/peers", done.stdout)

    def test_a_wrong_command_line_is_refused_even_when_piped(self):
        # If they were accepted, none of these would build anything either.
        for options, why in ((["--fast"], "no option --fast"), (["--report", "--quick"], "one option"),
                             (["--build-for", "no-such-processor"], "wants a processor and a folder")):
            done = self.run_with(*options)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, f"^peers: .*{why}")


if __name__ == "__main__":
    unittest.main()
