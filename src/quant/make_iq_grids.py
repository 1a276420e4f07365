#!/usr/bin/env python3
"""Writes the grid tables of the IQ types, iq*_grid.inc beside this script, from those that gguf-py publishes.

Usage: src/quant/make_iq_grids.py        needs: pip install gguf==0.19.0

A grid is a list of points of 8 (IQ1, IQ2) or 4 (IQ3) small integers; a block stores indices into it. The tables are
part of the format's definition and cannot be computed. Each point is written as one integer whose byte j is
coordinate j, in two's complement.
"""

from pathlib import Path

import gguf
from gguf import quants

GRIDS = {"iq2_xxs": quants.IQ2_XXS, "iq2_xs": quants.IQ2_XS, "iq2_s": quants.IQ2_S,
         "iq3_xxs": quants.IQ3_XXS, "iq3_s": quants.IQ3_S, "iq1": quants.IQ1_S}
LINE_WIDTH = 110


def point(coordinates) -> str:
    number = sum((int(x) & 0xFF) << (8 * j) for j, x in enumerate(coordinates))
    return f"0x{number:0{2 * len(coordinates)}x}"


def table(name: str, kind) -> str:
    kind.init_grid()
    points = [point(row) for row in kind.grid.reshape(kind.grid_shape)]
    per_line = LINE_WIDTH // (len(points[0]) + 2)
    lines = [", ".join(points[i:i + per_line]) + "," for i in range(0, len(points), per_line)]
    header = (f"// The {len(points)} points of the {name} grid. Written by make_iq_grids.py from gguf-py"
              f" {gguf_version()}; do not edit.\n")
    return header + "\n".join(lines) + "\n"


def gguf_version() -> str:
    from importlib.metadata import version
    return version(gguf.__name__)


def main() -> None:
    for name, kind in GRIDS.items():
        (Path(__file__).parent / f"{name}_grid.inc").write_text(table(name, kind))


if __name__ == "__main__":
    main()
