#!/usr/bin/env python3
"""A stand-in for an engine: two passes, numbers that can be worked out by hand. Usage: example.py FOLDER"""

import sys

from kilter_dump import Dump, Few


def run_pass(first, n, dump, few):
    """2 heads of 2 and 3 tokens of vocabulary. Row t of q is 10 t + 0, 1, 2, 3."""
    q = [[[10 * t, 10 * t + 1], [10 * t + 2, 10 * t + 3]] for t in range(first, first + n)]
    logits = [[i / 4 - t for i in range(3)] for t in range(first, first + n)]
    dump.value("blk.0.attn_q", q)
    dump.value("logits", logits)
    few.value("blk.0.attn_q", first + n - 1, q[-1][0])
    few.value("logits", first + n - 1, logits[-1])


def main():
    dump = Dump(f"{sys.argv[1]}/python.safetensors", producer="example.py")
    few = Few(f"{sys.argv[1]}/python.json")
    for first, ids in [(0, [1, 450]), (2, [13])]:
        dump.begin_pass(ids)
        few.begin_pass(ids)
        run_pass(first, len(ids), dump, few)
    few.weight("blk.0.attn_q.weight", 3, [0.1, float("-inf"), float("nan")])
    dump.save()
    few.save()


if __name__ == "__main__":
    main()
