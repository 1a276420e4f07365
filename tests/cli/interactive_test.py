#!/usr/bin/env python3
"""What a transcript cannot show: signals, terminals, two programs at once. Usage: interactive_test.py KILTER..."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from run_cases import MODELS, Place

KILTER = []
PARTS = "home/.cache/kilter/models/hf/test/slow"
SECONDS = 60


class Interactive(unittest.TestCase):
    def setUp(self):
        self.place = Place(KILTER)
        self.addCleanup(self.place.close)

    def start(self, *arguments, **streams) -> subprocess.Popen:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        program = subprocess.Popen(["kilter", *arguments], cwd=self.place.folder / "work", text=True,
                                   env=self.place.environment, executable=self.place.folder / "bin" / "kilter", **streams)
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        return program

    def wait_for_part(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not any(path.stat().st_size for path in self.place.folder.glob(f"{PARTS}/*.part")):
            self.assertLess(time.monotonic(), deadline, "no download began")
            time.sleep(0.05)

    def test_interrupted_pull_goes_on_later(self):
        pull = self.start("pull", "hf:test/slow/tiny.gguf")
        self.wait_for_part()
        pull.send_signal(signal.SIGINT)
        out, err = pull.communicate(timeout=SECONDS)
        self.assertEqual((pull.returncode, out, err), (130, "", "kilter: interrupted\n"))

        again = self.start("pull", "hf:test/slow/tiny.gguf")
        out, err = again.communicate(timeout=SECONDS)
        self.assertEqual((again.returncode, err), (0, ""))
        self.assertEqual(os.listdir(self.place.folder / PARTS), ["tiny.gguf"])
        self.assertEqual((self.place.folder / PARTS / "tiny.gguf").read_bytes(), (MODELS / "tiny.gguf").read_bytes())
        gets = [line for line in self.place.hub.log if line.startswith("GET")]
        self.assertRegex(gets[1], r"bytes=[1-9]\d*-$", "the second pull asks for the rest only")

    def test_sigterm_is_an_interrupt(self):
        pull = self.start("pull", "hf:test/slow/tiny.gguf")
        self.wait_for_part()
        pull.terminate()
        pull.communicate(timeout=SECONDS)
        self.assertEqual(pull.returncode, 130)

    def test_second_interrupt_ends_at_once(self):
        """A program that reads standard input looks at the flag when the read returns; the second signal does not wait."""
        program = self.start("tokenize", "tiny.gguf", "-", stdin=subprocess.PIPE)
        time.sleep(0.5)
        program.send_signal(signal.SIGINT)
        time.sleep(0.2)
        if program.poll() is None:
            program.send_signal(signal.SIGINT)
        program.wait(timeout=SECONDS)
        self.assertIn(program.returncode, (130, -signal.SIGINT))

    def test_interrupt_while_the_prompt_is_read(self):
        program = self.start("run", "tiny.gguf", "-p", "-", stdin=subprocess.PIPE)
        self.wait_for_map(program, "tiny.gguf")
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=SECONDS)
        self.assertEqual((program.returncode, err), (130, "kilter: interrupted\n"))

    def test_model_cut_short_while_it_is_used(self):
        model = self.place.folder / "work" / "short.gguf"  # a copy: the models of the place are links
        shutil.copy(MODELS / "tiny.gguf", model)
        program = self.start("run", model.name, "-p", "-", stdin=subprocess.PIPE)
        self.wait_for_map(program, model.name)
        os.truncate(model, 0)
        out, err = program.communicate("a", timeout=SECONDS)
        self.assertEqual((program.returncode, out), (3, ""))
        self.assertRegex(err, r"^kilter: a file changed while it was read.*\n$")

    def wait_for_map(self, program: subprocess.Popen, name: str) -> None:
        """The model is loaded, and the program waits for its standard input."""
        deadline = time.monotonic() + SECONDS
        while name not in Path(f"/proc/{program.pid}/maps").read_text():
            self.assertLess(time.monotonic(), deadline, "the model was not opened")
            time.sleep(0.05)
        time.sleep(0.5)

    def test_two_pulls_of_one_file(self):
        first = self.start("pull", "hf:test/slow/tiny.gguf")
        self.wait_for_part()
        second = self.start("pull", "hf:test/slow/tiny.gguf")
        _, err = second.communicate(timeout=SECONDS)
        self.assertEqual(second.returncode, 3)
        self.assertIn("another process is fetching this file; wait for it, or end it", err)
        first.communicate(timeout=SECONDS)
        self.assertEqual(first.returncode, 0)

    def test_progress_bar_on_a_terminal_only(self):
        master, slave = pty.openpty()
        pull = self.start("pull", "hf:test/slow/tiny.gguf", stderr=slave)
        os.close(slave)
        shown = self.read_terminal(master)
        self.assertEqual(pull.wait(timeout=SECONDS), 0)
        self.assertRegex(shown, r"\r\x1b\[Ktiny.gguf  \[#+\.+\]  \d+(\.\d)? KiB of 27.9 KiB  \S+ \w+/s  0:0\d left")
        self.assertTrue(shown.endswith("\r\x1b[K"), "the bar is gone at the end")
        for line in shown.split("\r\x1b[K"):
            self.assertLess(len(line), 80)

    def read_terminal(self, master) -> str:
        shown = b""
        while select.select([master], [], [], SECONDS)[0]:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            shown += piece
        os.close(master)
        return shown.decode()


if __name__ == "__main__":
    KILTER = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
