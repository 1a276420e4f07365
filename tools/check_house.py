#!/usr/bin/env python3
"""The house rules that a compiler does not know.

Usage: tools/check_house.py [ROOT]

Prints a line `path:line: rule: sentence` for every place that breaks a rule, and exits with 1 if there is
one. docs/architecture.md says what the rules are for; each function below says why its own exists.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_KERNEL_LINES = 120

# The floors, bottom to top. A folder includes itself and the floors below it.
FLOORS = [
    {"base", "tensor"},
    {"numerics", "quant", "ops", "trace"},
    {"gguf", "backend", "observe", "analysis"},
    {"model", "text"},
    {"engine"},
    {"server"},
    {"cli"},
]
FLOOR_OF = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
NEIGHBOURS = {("tensor", "base")}  # same floor, and allowed
STRANGERS = {  # pointing down, and still not allowed: (from, to) -> why
    ("src/model", "backend"): "a model meets the hardware through ops/ops.h only",
    ("src/model", "observe"): "observation wraps the ops; the model cannot tell",
    ("src/backend/reference", "quant"): "the reference shares no code with what it judges",
}
SERVER_MAY_INCLUDE = {"base", "engine", "server"}

# Folders that the build selects whole: they need no #if, and may hold what only one machine understands.
SELECTED_BY_THE_BUILD = re.compile(r"src/backend/(cpu/(generic|avx2|avx512|amx|neon)|cuda)/")
KERNELS = re.compile(r"src/backend/(cpu/(generic|avx2|avx512|amx|neon)|\w+/kernels)/")
FOLDERS_THAT_PRINT = {"cli", "server"}
FILES_THAT_EXIT = {"src/cli/main.cc", "src/cli/interrupt.cc"}  # a signal handler has nobody to return to

CPP_SUFFIXES = {".cc", ".h", ".cu", ".inc"}
TEXT_SUFFIXES = CPP_SUFFIXES | {".py", ".sh", ".cmake", ".md", ".in"}
SKIPPED_FOLDERS = {".git", "build", "__pycache__"}


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    sentence: str


class Source:
    """One file in three views, equal line by line: raw, without comments, without comments and strings."""

    TOKENS = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
        re.DOTALL,
    )

    def __init__(self, path: str, raw: str):
        self.path = path
        self.raw = raw
        self.suffix = Path(path).suffix
        is_cpp = self.suffix in CPP_SUFFIXES
        self.uncommented = self._blank(raw, comments_only=True) if is_cpp else raw
        self.code = self._blank(raw, comments_only=False) if is_cpp else raw

    @property
    def folder(self) -> str:
        """The room of src/ that the file stands in, or ''."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""

    @property
    def is_ours_to_link(self) -> bool:
        return self.suffix in CPP_SUFFIXES and self.path.startswith(("src/", "include/"))

    @classmethod
    def _blank(cls, text: str, comments_only: bool) -> str:
        def blank(match: re.Match) -> str:
            token = match.group()
            if comments_only and not token.startswith("/"):
                return token
            return re.sub(r"[^\n]", " ", token)

        return cls.TOKENS.sub(blank, text)

    def line_of(self, offset: int) -> int:
        return self.raw.count("\n", 0, offset) + 1

    def find(self, pattern: str, rule: str, sentence: str, view: str = "code") -> Iterator[Finding]:
        """One finding a match; {0} in the sentence is what was matched."""
        for match in re.finditer(pattern, getattr(self, view), re.MULTILINE):
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            yield Finding(self.path, self.line_of(start), rule, sentence.format(match.group().strip()))


# ---- Rules that look at one file ----


def file_length(source: Source) -> Iterator[Finding]:
    """A file is one concept; past 500 lines it is several. Generated tables (.inc) and prose are exempt."""
    lines = source.raw.count("\n")
    if source.suffix not in {".inc", ".md"} and is_text(source) and lines > MAX_FILE_LINES:
        yield Finding(source.path, lines, "file-length",
                      f"{lines} lines, at most {MAX_FILE_LINES}: which files would it split into?")


def function_length(source: Source) -> Iterator[Finding]:
    """A function is read in one go. A kernel may be longer: its unrolled steps read alike."""
    limit = MAX_KERNEL_LINES if KERNELS.match(source.path) else MAX_FUNCTION_LINES
    for name, first, last in functions(source):
        length = last - first + 1
        if length > limit:
            sentence = f"{name} has {length} lines, at most {limit}"
            yield Finding(source.path, first, "function-length", sentence)


def include_direction(source: Source) -> Iterator[Finding]:
    """Includes point down the floors: each can be read, tested and replaced without those above."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', source.uncommented, re.MULTILINE):
        included = match.group(1).split("/")[0]
        why = why_not_include(source, included)
        if why:
            yield Finding(source.path, source.line_of(match.start()), "include",
                          f"includes {match.group(1)}: {why}")


def why_not_include(source: Source, included: str) -> str:
    if source.path.startswith("include/"):
        return "" if included == "kilter" else "a public header may only include public headers"
    folder = source.folder
    if included not in FLOOR_OF or folder not in FLOOR_OF or folder == included:
        return ""
    for (place, stranger), why in STRANGERS.items():
        if source.path.startswith(place + "/") and included == stranger:
            return why
    if folder == "server" and included not in SERVER_MAY_INCLUDE:
        return "the server knows the engine only"
    if FLOOR_OF[included] > FLOOR_OF[folder]:
        return f"{included} is a floor above {folder}"
    if FLOOR_OF[included] == FLOOR_OF[folder] and (folder, included) not in NEIGHBOURS:
        return f"{included} and {folder} are on one floor and must not know each other"
    return ""


def conditional_compilation(source: Source) -> Iterator[Finding]:
    """What is not compiled is not tested; machines differ in one header and in chosen folders."""
    allowed = source.path == "src/base/platform.h" or SELECTED_BY_THE_BUILD.match(source.path)
    if source.suffix in CPP_SUFFIXES and not allowed:
        yield from source.find(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b", "conditional",
                               "{0} belongs into base/platform.h or a folder that the build selects")


def environment(source: Source) -> Iterator[Finding]:
    """A result must not depend on a variable that nobody sees; what may be set is listed in one file."""
    if source.is_ours_to_link and source.path != "src/cli/args.cc":
        yield from source.find(r"\b(?:secure_)?getenv\s*\(", "environment",
                               "only cli/args.cc reads the environment")


def printing(source: Source) -> Iterator[Finding]:
    """A library that prints cannot be used in a server, under a test, or by somebody else's program."""
    if source.is_ours_to_link and source.folder not in FOLDERS_THAT_PRINT:
        yield from source.find(r"\b(?:v?f?printf|puts|putchar|perror)\s*\(|\bfmt::print\b"
                               r"|\bstd::(?:cout|cerr|clog)\b|\bstd(?:out|err)\b",
                               "printing", "{0} in a library folder: return it, cli/ prints")


def exiting(source: Source) -> Iterator[Finding]:
    """Errors are values: an exit, an exception or an assertion takes the decision from the caller."""
    if source.is_ours_to_link and source.path not in FILES_THAT_EXIT:
        yield from source.find(r"\b(?:_?exit|quick_exit|abort|terminate|assert)\s*\(|\bthrow\b", "exiting",
                               "{0} outside cli/main.cc: return an Error")


def left_open(source: Source) -> Iterator[Finding]:
    """A note in the code is read by nobody; an issue is."""
    yield from source.find(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b", "left-open",
                           "{0}: finish it, or file an issue", view="raw")


def foreign_places(source: Source) -> Iterator[Finding]:
    """The repository works anywhere, so it names no machine's folders and no package registry's host."""
    yield from source.find(r"(?<![\w.}~])/(?:work|root|home)/\S*", "place",
                           "{0} is a folder of one machine", view="raw")
    yield from source.find(r"p[y]pi\.org|p[y]thonhosted|d[e]b\.debian\.org", "place",
                           "{0} is a registry's host: its client knows where it is", view="raw")


def layout(source: Source) -> Iterator[Finding]:
    """The two things that clang-format leaves alone, in the files that it does not see."""
    if not is_text(source):
        return
    if source.raw and not source.raw.endswith("\n"):
        yield Finding(source.path, source.raw.count("\n") + 1, "layout", "the last line has no end")
    yield from source.find(r"\t", "layout", "a tab: indent with spaces", view="raw")


# ---- Rules that look at several files ----


def include_circle(sources: dict) -> Iterator[Finding]:
    """Two headers that need each other are one header, or need a third."""
    edges = {path: list(included_files(source, sources)) for path, source in sources.items()}
    done = set()

    def visit(path: str, trail: list) -> Iterator[Finding]:
        if path in trail:
            circle = trail[trail.index(path):] + [path]
            yield Finding(path, 1, "include-circle", "includes itself: " + " -> ".join(circle))
        elif path not in done:
            for included in edges[path]:
                yield from visit(included, trail + [path])
            done.add(path)

    for path in sorted(edges):
        yield from visit(path, [])


def included_files(source: Source, sources: dict) -> Iterator[str]:
    for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', source.uncommented, re.MULTILINE):
        yield from (path for path in (f"src/{name}", f"include/{name}") if path in sources)


def op_is_complete(sources: dict) -> Iterator[Finding]:
    """An op without twin, kernel, contract, rules and test row cannot be judged; without its formula, not be read."""
    seam = sources.get("src/ops/ops.h")
    if not seam:
        return
    twins = joined(sources, "src/backend/reference/")
    kernels = joined(sources, "src/backend/cpu/cpu_")
    contracts = re.sub(r"\s+", " ", joined(sources, "src/ops/contract"))
    rules = joined(sources, "src/observe/op_rules")
    tests = joined(sources, "tests/backend/")
    for match in re.finditer(r"^[ \t]*virtual void (\w+)\(At at\b", seam.code, re.MULTILINE):
        op, line = match.group(1), seam.line_of(match.start())
        comment = comment_above(seam, line)
        lacks = [part for part in ("Shapes", "Rounding", "Source") if part not in comment]
        for missing, sentence in (
            (bool(lacks), f"{op}: the doc comment lacks {', '.join(lacks)}"),
            (f"::{op}(" not in twins, f"{op} has no twin in backend/reference"),
            (f"::{op}(" not in kernels, f"{op} is missing in backend/cpu"),
            (f'"{op}", kReference,' not in contracts, f"{op} has no row for the reference in ops/contract.cc"),
            (f'"{op}", kF32,' not in contracts, f"{op} has no row for f32 in ops/contract.cc"),
            (f'"{op}"' not in rules, f"{op} has no row in observe/op_rules.cc"),
            (f'"{op}"' not in tests, f"{op} has no row in the op table of tests/backend"),
        ):
            if missing:
                yield Finding(seam.path, line, "op", sentence)


def comment_above(source: Source, line: int) -> str:
    lines = source.raw.split("\n")[: line - 1]
    block = []
    while lines and lines[-1].strip().startswith("///"):
        block.append(lines.pop())
    return "\n".join(block)


def point_is_unique(sources: dict) -> Iterator[Finding]:
    """One name a value: a name given twice makes two values that no trace can tell apart."""
    table = sources.get("src/ops/point.cc")
    if table:
        yield from repeated(table, r'PointInfo\{Point::\w+,\s*"(\w+)"', "two points are called {}")
    stages = sources.get("src/ops/stages.cc")
    if stages:
        yield from repeated(stages, r"\bat\((?:\w+, )?Point::(\w+)\)", "two op calls make the value {}")


def repeated(source: Source, pattern: str, sentence: str) -> Iterator[Finding]:
    seen = set()
    for match in re.finditer(pattern, source.uncommented):
        name = match.group(1)
        if name in seen:
            yield Finding(source.path, source.line_of(match.start()), "point", sentence.format(name))
        # `return matmul(at(Point::logits) ...` leaves: what follows is the other way to make the value.
        statement = re.split(r"[;{}]", source.uncommented[: match.start()])[-1]
        if not re.search(r"\breturn\b", statement):
            seen.add(name)


FILE_RULES = [file_length, function_length, include_direction, conditional_compilation, environment, printing,
              exiting, left_open, foreign_places, layout]
TREE_RULES = [include_circle, op_is_complete, point_is_unique]


# ---- Reading the sources ----


def is_text(source: Source) -> bool:
    """Written by people, as opposed to data: known by its name, or by the first line of a script."""
    named = source.suffix in TEXT_SUFFIXES or source.path.endswith("CMakeLists.txt")
    return named or source.raw.startswith("#!")


def joined(sources: dict, *prefixes: str) -> str:
    return "\n".join(s.uncommented for path, s in sorted(sources.items()) if path.startswith(prefixes))


def functions(source: Source) -> Iterator[tuple]:
    """(name, first line, last line) of every outermost function."""
    if source.suffix == ".py":
        for node in ast.walk(ast.parse(source.raw)):
            if isinstance(node, ast.FunctionDef):
                yield node.name, node.lineno, node.end_lineno
    elif source.suffix in CPP_SUFFIXES - {".inc"}:
        yield from cpp_functions(source)


def cpp_functions(source: Source) -> Iterator[tuple]:
    """Brace matching: what stands between the last `;`, `{` or `}` and a `{` tells what the brace opens."""
    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, source.code, flags=re.MULTILINE)
    code = re.sub(r"\b(?:public|private|protected):", blank, code)
    enclosing = []  # (kind, name, first line) of each open brace
    header_start = 0
    for match in re.finditer(r"[;{}]", code):
        at, brace = match.start(), match.group()
        if brace == "{":
            header = code[header_start:at]
            first = source.line_of(header_start + len(header) - len(header.lstrip()))
            enclosing.append((brace_kind(header), function_name(header), first, header_start))
            header_start = at + 1
        elif brace == "}" and enclosing:
            kind, name, first, opened = enclosing.pop()
            if kind == "function" and all(outer[0] == "scope" for outer in enclosing):
                yield name, first, source.line_of(at)
            # `a_{1},` and `b_{2} {` belong to the header of a constructor that goes on.
            goes_on = kind == "data" and re.match(r"\s*[,{]", code[at + 1:])
            header_start = opened if goes_on else at + 1
        elif not enclosing or enclosing[-1][0] != "data":
            header_start = at + 1


def brace_kind(header: str) -> str:
    text = re.sub(r"^\s*template\s*<[^;{}]*?>\s*(?=\w)", "", header).strip()
    if re.match(r'(?:inline\s+)?namespace\b|extern\b\s*$|(?:class|struct|union|enum)\b', text):
        return "scope"
    if re.search(r"\)\s*(?:noexcept\s*)?:\s[^?]*\w$", text):
        return "data"  # the first braces of a constructor's `: a_{1}`
    outside_parentheses = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", text))
    if re.search(r"(?<![=!<>])=(?!=)", outside_parentheses) and "operator" not in text:
        return "function" if re.search(r"=\s*\[", text) else "data"
    return "function" if "(" in text else "data"


def function_name(header: str) -> str:
    match = re.search(r"([\w:~]+|operator\s*\S+)\s*\(", header)
    return match.group(1) if match else "a function"


def read_tree(root: Path) -> dict:
    """Path to Source, of every file that is text."""
    sources = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if SKIPPED_FOLDERS.intersection(relative.parts) or not path.is_file():
            continue
        content = path.read_bytes()
        try:
            if b"\0" not in content:
                sources[relative.as_posix()] = Source(relative.as_posix(), content.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return sources


def check_tree(root: Path) -> list:
    sources = read_tree(root)
    findings = [finding for rule in FILE_RULES for source in sources.values() for finding in rule(source)]
    findings += [finding for rule in TREE_RULES for finding in rule(sources)]
    return sorted(findings)


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    findings = check_tree(root)
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.sentence}")
    print(f"house rules: {len(findings)} broken")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
