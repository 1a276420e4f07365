"""Grouped horizontal bars as SVG, written by hand: readable on light and on dark pages."""

from html import escape
from typing import NamedTuple, Optional

WIDTH, LEFT, RIGHT = 760, 210, 20
INSIDE = 90  # pixels: a bar as long as this has room for its number
BAR, GAP, TOP = 17, 14, 62

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .axis, .roof { stroke: #8c959f; }
  .roof { stroke-dasharray: 4 3; }
  .inside { fill: #ffffff; }
  .b0 { fill: #6e7781; } .b1 { fill: #0969da; } .b2 { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .b0 { fill: #6e7681; } .b1 { fill: #1f6feb; } .b2 { fill: #238636; }
  }
"""


class Group(NamedTuple):
    """One line of text and its bars, a value a series (None: not measured). `roof`: what no bar can pass."""
    label: str
    values: tuple
    roof: Optional[float] = None


def bars(title: str, unit: str, series: tuple, groups: list) -> str:
    """The chart. Every group has a scale of its own: a model ten times the size would else be invisible."""
    parts = [f'<text class="title" x="8" y="22">{escape(title)}</text>', *legend(series)]
    y = TOP
    for group in groups:
        height = BAR * len(group.values)
        largest = max([value for value in (*group.values, group.roof) if value] or [1])
        scale = (WIDTH - LEFT - RIGHT) / largest
        parts.append(text(LEFT - 10, y + height / 2 + 4, group.label, 'text-anchor="end"'))
        for index, value in enumerate(group.values):
            if value:
                parts += bar(y + BAR * index, index, value * scale, f"{number(value)} {unit}")
        if group.roof:
            x = LEFT + group.roof * scale
            parts.append(f'<line class="roof" x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + height + 3}"/>')
        y += height + GAP
    parts.append(f'<line class="axis" x1="{LEFT}" y1="{TOP - 6}" x2="{LEFT}" y2="{y - GAP + 6}"/>')
    body = "\n  ".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img">\n'
            f"  <title>{escape(title)}</title>\n  <style>{STYLE}  </style>\n  {body}\n</svg>\n")


def legend(series: tuple) -> list:
    parts, x = [], 8
    for index, name in enumerate(series):
        parts.append(f'<rect class="b{index}" x="{x}" y="33" width="12" height="12"/>')
        parts.append(text(x + 17, 44, name))
        x += 17 + 8 * len(name) + 20
    return parts


def bar(y: float, index: int, length: float, label: str) -> list:
    fits = length >= INSIDE
    place = (LEFT + length - 5, 'class="inside" text-anchor="end"') if fits else (LEFT + length + 5, "")
    return [f'<rect class="b{index}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}"/>',
            text(place[0], y + BAR - 4, label, place[1])]


def text(x: float, y: float, content: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(content)}</text>'.replace(" >", ">")


def number(value: float) -> str:
    """Three digits: 1250, 205, 24.3, 0.51."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
