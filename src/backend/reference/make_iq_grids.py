#!/usr/bin/env python3
"""Writes iq_grids.inc, the codebooks of the IQ formats, from the definitions in gguf-py.

    pip install gguf==0.19.0 && ./make_iq_grids.py > iq_grids.inc

An entry is the numbers of its levels, the first value in the lowest bits: 2 bits each for the codebooks of eight
values, 4 bits each for those of four. What a level is worth stands in decode_iq.cc.
"""

from gguf.quants import IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS

CODEBOOKS = [
    ("kGridIq2Xxs", IQ2_XXS, 2, "8 values of 3 levels"),
    ("kGridIq2Xs", IQ2_XS, 2, "8 values of 3 levels"),
    ("kGridIq2S", IQ2_S, 2, "8 values of 3 levels"),
    ("kGridIq3Xxs", IQ3_XXS, 4, "4 values of 8 levels"),
    ("kGridIq3S", IQ3_S, 4, "4 values of 8 levels"),
    ("kGridIq1", IQ1_S, 2, "8 values of 3 levels; IQ1_S and IQ1_M"),
]
PER_LINE = 12


def packed(values, levels, width):
    return sum(levels.index(v) << (width * i) for i, v in enumerate(values))


def main():
    print("// Made by make_iq_grids.py from gguf-py 0.19.0. Do not edit.")
    for name, quant, width, what in CODEBOOKS:
        quant.init_grid()
        rows, _ = quant.grid_shape
        grid = quant.grid.reshape(quant.grid_shape).astype(int).tolist()
        entries = [f"0x{packed(row, list(quant.grid_map), width):04x}" for row in grid]
        print(f"\n// {what}")
        print(f"constexpr std::array<uint16_t, {rows}> {name} = {{")
        for i in range(0, rows, PER_LINE):
            print("    " + ", ".join(entries[i : i + PER_LINE]) + ",")
        print("};")


main()
