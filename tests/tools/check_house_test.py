#!/usr/bin/env python3
"""Plants a violation of every rule of tools/check_house.py in a small clean tree, and expects that alone."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
import check_house  # noqa: E402

CLEAN_TREE = {
    "include/kilter/result.h": "#pragma once\n#include <string>\n",
    "src/base/platform.h": "#pragma once\n#if defined(__linux__)\n#endif\n",
    "src/base/map.h": '#pragma once\n#include "kilter/result.h"\nint map_file();\n',
    "src/base/map.cc": '#include "base/map.h"\n\nint map_file() { return 1\'000\'000; }\n',
    "src/tensor/tensor.h": '#pragma once\n#include "base/map.h"\n',
    "src/gguf/file.cc": (
        '#include "quant/codec.h"\n'
        'const char* kText = "do not printf(1) or abort()";  // nor exit(1)\n'
    ),
    "src/quant/codec.h": "#pragma once\n",
    "src/cli/main.cc": 'int main() { std::puts("hi"); std::exit(0); }\n',
    "src/cli/args.cc": '#include <cstdlib>\nconst char* token() { return std::getenv("TOKEN"); }\n',
    "src/backend/cpu/avx2/dot.cc": "#if defined(__AVX2__)\n#endif\n",
    "src/ops/ops.h": (
        "class Ops {\n"
        "  /// y = a + b\n"
        "  /// Shapes   the same.\n"
        "  /// Rounding `add`.\n"
        "  /// Source   arithmetic.\n"
        "  virtual void add(At at, const Tensor& a, const Tensor& b, Tensor& y) = 0;\n"
        "};\n"
    ),
    "src/ops/contract.cc": 'constexpr OpContract kContracts[] = {{"add", kReference, 1}, {"add", kF32, 1}};\n',
    "src/ops/point.cc": 'PointInfo kPoints[] = {PointInfo{Point::x, "x"}, PointInfo{Point::y, "y"}};\n',
    "src/ops/stages.cc": (
        "void Ops::stage(int il, Tensor& x) {\n"
        "  add(at(il, Point::x), x, x, x);\n"
        "  if (short_cut()) return add(at(il, Point::y), x, x, x);\n"
        "  add(at(il, Point::y), x, x, x);\n"
        "}\n"
    ),
    "src/backend/cpu/cpu_ops.cc": "void CpuOps::add(At, const Tensor&) {}\n",
    "src/backend/reference/reference_ops.cc": "void ReferenceOps::add(At, const Tensor&) {}\n",
    "src/observe/op_rules.cc": 'OpRules{"add", kAnyRank},\n',
    "tests/backend/op_table_test.cc": '{"add", check_add},\n',
    "docs/notes.md": "The model lies in ~/.cache; see src/work/list and https://example.org/home/page\n",
    "CMakeLists.txt": "project(kilter)\n",
}


def lines(count: int) -> str:
    return "  step();\n" * count


def function_of(length: int, head: str = "void long_one() {") -> str:
    return head + "\n" + lines(length - 2) + "}\n"


class CheckHouseTest(unittest.TestCase):
    def findings(self, **changes):
        """Findings in the clean tree after `path=content` changes; None removes a file."""
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**CLEAN_TREE, **changes}.items():
                if content is None:
                    continue
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content if isinstance(content, bytes) else content.encode())
            return check_house.check_tree(Path(folder))

    def expect(self, rule: str, line: int, path: str, content: str, **others):
        """The change breaks exactly this rule, on this line of the changed file."""
        found = self.findings(**{path: content}, **others)
        self.assertEqual([(f.path, f.line, f.rule) for f in found], [(path, line, rule)], found)
        return found[0].sentence

    def expect_clean(self, path: str, content):
        self.assertEqual(self.findings(**{path: content}), [])

    def test_the_clean_tree_passes(self):
        self.assertEqual(self.findings(), [])

    def test_data_that_is_not_text_is_not_read(self):
        self.expect_clean("tests/gguf/data.bin", b"\x00\xff\t/work/secret")
        self.expect_clean("build/release/generated.cc", "int x;\t// no end")

    def test_file_length(self):
        self.expect_clean("src/base/long.cc", "int x;\n" * 500)
        self.expect("file-length", 501, "src/base/long.cc", "int x;\n" * 501)
        self.expect("file-length", 501, "tools/long.py", "x = 1\n" * 501)
        self.expect_clean("src/base/table.inc", "1,\n" * 501)

    def test_function_length(self):
        self.expect_clean("src/base/f.cc", function_of(60))
        self.expect("function-length", 1, "src/base/f.cc", function_of(61))
        self.expect("function-length", 3, "tests/base/f_test.cc", "namespace {\n\n" + function_of(61) + "}\n")
        self.expect("function-length", 1, "tools/f.py", "def f():\n" + "    x = 1\n" * 60)

    def test_function_length_of_kernels(self):
        for path in ("src/backend/cpu/avx2/f.cc", "src/backend/cuda/kernels/f.cu"):
            self.expect_clean(path, function_of(120))
            self.expect("function-length", 1, path, function_of(121))

    def test_function_length_sees_every_shape_of_function(self):
        for head in ("template <typename T = int>\nauto f(T x) -> int {", "S::S(int a) : a_{a}, b_{a} {",
                     "S::S(int a) : a_(a), b_{a} {", "bool S::operator==(const S& o) const {",
                     "const auto f = [](int x) {", "int f(int x = 1) noexcept {"):
            with self.subTest(head):
                after = lines(3).join(["int before() {\n", "}\n"])
                text = after + function_of(62, head) + after
                self.expect("function-length", 6, "src/base/f.cc", text)

    def test_a_class_or_a_table_is_not_a_function(self):
        members, rows = "  void f() {}\n" * 80, "  Row{f(1), 2},\n" * 80
        self.expect_clean("src/base/c.h", "class C : public D<int (*)(int)> {\n" + members + "};\n")
        self.expect_clean("src/base/t.cc", "constexpr std::array kRows = {\n" + rows + "};\n")

    def test_include_points_up(self):
        self.expect("include", 2, "src/base/up.cc", '#include "base/map.h"\n#include "gguf/file.h"\n')
        self.expect("include", 1, "src/gguf/up.cc", '#include "model/config.h"\n')
        self.expect("include", 1, "src/server/up.cc", '#include "cli/args.h"\n')

    def test_include_of_a_neighbour_on_the_same_floor(self):
        self.expect("include", 1, "src/quant/q.cc", '#include "ops/ops.h"\n')
        self.expect("include", 1, "src/observe/o.cc", '#include "backend/reference/reference_ops.h"\n')
        self.expect("include", 1, "src/base/b.cc", '#include "tensor/tensor.h"\n')

    def test_include_of_a_stranger_below(self):
        self.expect("include", 1, "src/model/m.cc", '#include "backend/reference/reference_ops.h"\n')
        self.expect("include", 1, "src/model/m.cc", '#include "observe/recording_ops.h"\n')
        self.expect("include", 1, "src/server/s.cc", '#include "text/tokenizer.h"\n')
        self.expect("include", 1, "src/backend/reference/r.cc", '#include "quant/codec.h"\n')

    def test_public_header_includes_an_internal_one(self):
        self.expect("include", 1, "include/kilter/engine.h", '#include "engine/engine.h"\n')

    def test_include_circle(self):
        sentence = self.expect("include-circle", 1, "src/quant/a.h", '#include "quant/b.h"\n',
                               **{"src/quant/b.h": '#include "quant/a.h"\n'})
        self.assertIn("src/quant/a.h -> src/quant/b.h -> src/quant/a.h", sentence)

    def test_conditional_compilation(self):
        for line in ("#if X", "#ifdef X", "#ifndef X", "#  elif X"):
            self.expect("conditional", 2, "src/base/c.cc", f"int x;\n{line}\n")
        self.expect("conditional", 1, "src/backend/cpu/select_kernels.cc", "#ifdef __AVX2__\n")

    def test_environment(self):
        self.expect("environment", 1, "src/cli/run.cc", 'const char* t = std::getenv("X");\n')
        self.expect("environment", 1, "src/engine/e.cc", 'const char* t = secure_getenv("X");\n')

    def test_printing(self):
        for statement in ('std::printf("x");', 'printf("x");', 'puts("x");', "std::cout << 1;",
                          "std::cerr << 1;", 'fmt::print("x");', 'fputs("x", stderr);'):
            with self.subTest(statement):
                self.expect("printing", 2, "src/engine/e.cc", f"// says:\nvoid f() {{ {statement} }}\n")
                self.expect_clean("src/cli/run.cc", f"void f() {{ {statement} }}\n")
        self.expect_clean("src/engine/e.cc", 'void f() { std::snprintf(text, 3, "x"); }\n')

    def test_exiting(self):
        for statement in ("std::exit(1);", "_exit(1);", "abort();", "assert(x);", "throw 1;",
                          "std::terminate();"):
            with self.subTest(statement):
                self.expect("exiting", 1, "src/cli/run.cc", f"void f() {{ {statement} }}\n")
        self.expect_clean("src/cli/interrupt.cc", "void handle(int) { _exit(1); }\n")
        self.expect("exiting", 1, "include/kilter/e.h", "inline void f() { std::abort(); }\n")
        self.expect_clean("src/engine/e.cc", "static_assert(sizeof(int) == 4);\n")

    def test_left_open(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            self.expect("left-open", 2, "src/base/o.cc", f"int x;\n// {word}: later\n")
            self.expect("left-open", 1, "docs/o.md", f"{word} later\n")

    def test_places(self):
        self.expect("place", 1, "docs/p.md", "see /wo" + "rk/main\n")
        self.expect("place", 1, "src/base/p.cc", '// in "/ro' + 'ot/models"\n')
        for host in ("py" + "pi.org", "files.python" + "hosted.org", "deb.deb" + "ian.org"):
            self.expect("place", 1, "tools/p.sh", f"fetch https://{host}/x\n")

    def test_layout(self):
        self.expect("layout", 2, "src/base/l.cc", "int x;\nint y;")
        self.expect("layout", 2, "tools/l.sh", "x=1\n\ty=2\n")
        self.expect("layout", 2, "tools/script", "#!/bin/sh\n\ttrue\n")

    def test_op_without_its_parts(self):
        seam = CLEAN_TREE["src/ops/ops.h"]
        for path, content, expected in (
            ("src/backend/reference/reference_ops.cc", "", "add has no twin in backend/reference"),
            ("src/backend/cpu/cpu_ops.cc", "", "add is missing in backend/cpu"),
            ("src/ops/contract.cc", '{"add", kF32, 1},\n// "add", kReference,\n',
             "add has no row for the reference in ops/contract.cc"),
            ("src/ops/contract.cc", '{"add", kReference, 1}\n', "add has no row for f32 in ops/contract.cc"),
            ("src/observe/op_rules.cc", "", "add has no row in observe/op_rules.cc"),
            ("tests/backend/op_table_test.cc", '{"address", add}\n',
             "add has no row in the op table of tests/backend"),
            ("src/ops/ops.h", seam.replace("  /// Rounding `add`.\n", ""),
             "add: the doc comment lacks Rounding"),
            ("src/ops/ops.h", seam.replace("  virtual", "\n  virtual"),
             "add: the doc comment lacks Shapes, Rounding, Source"),
        ):
            with self.subTest(expected):
                found = self.findings(**{path: content})
                self.assertEqual([(f.path, f.rule, f.sentence) for f in found],
                                 [("src/ops/ops.h", "op", expected)])

    def test_point_used_twice(self):
        self.expect("point", 1, "src/ops/point.cc", CLEAN_TREE["src/ops/point.cc"].replace('"y"', '"x"'))
        self.expect("point", 4, "src/ops/stages.cc", CLEAN_TREE["src/ops/stages.cc"].replace("return ", ""))

    def test_every_rule_is_tested_here(self):
        tested = Path(__file__).read_text()
        rules = {f.rule for f in self.findings(**ONE_OF_EACH)}
        for rule in rules:
            self.assertIn(f'"{rule}"', tested)
        self.assertEqual(len(rules), len(check_house.FILE_RULES) + len(check_house.TREE_RULES))


ONE_OF_EACH = {
    "src/base/each.cc": (
        '#include "gguf/file.h"\n#include "base/each.cc"\n#if 1\n'
        'void f() { getenv("x"); puts("x"); abort(); }\n'
        "// TO" + "DO /ro" + "ot/x\n\t\n" + function_of(600)
    ),
    "src/ops/contract.cc": "\n",
    "src/ops/point.cc": CLEAN_TREE["src/ops/point.cc"].replace('"y"', '"x"'),
}


if __name__ == "__main__":
    unittest.main()
