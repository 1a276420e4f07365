#!/usr/bin/env python3
"""Reads the HTML reports that write_reports made with a parser of its own.

Usage: check_pages.py FOLDER

Each page must be well-formed, load nothing, stay small, and hold its numbers as JSON. A page whose names are
markup must have the very elements of the page that has ordinary names.
"""

import html.parser
import json
import re
import sys
from pathlib import Path

VOID = {"meta", "input", "br", "img", "link", "hr"}
LOADING = {"src", "href", "srcset", "action", "data", "poster", "style"}


class Page(html.parser.HTMLParser):
    """The elements of a page, in order; raises ValueError where their ends do not match."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.elements, self.ids, self.open, self.scripts, self.text = [], [], [], {}, ""
        self.feed(text)
        self.close()
        if self.open:
            raise ValueError(f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if len(attributes) != len(attrs):
            raise ValueError(f"<{tag}> has an attribute twice: {attrs}")
        for name, value in attrs:
            if name.startswith("on"):
                raise ValueError(f"<{tag}> has code in an attribute: {name}")
            if name in LOADING and not (value or "").startswith("#"):
                raise ValueError(f"<{tag}> loads something: {name}={value}")
        self.elements.append((tag, tuple(sorted(attributes))))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in VOID:
            self.open.append(tag)
            if tag == "script":
                self.scripts[attributes.get("id", "code")] = ""
                self.script = attributes.get("id", "code")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> ends nothing, at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[self.script] += data
        elif self.open and self.open[-1] == "pre":
            self.text += data


def contrast(a: str, b: str) -> float:
    """Of two #rrggbb. Source: WCAG 2.1, relative luminance and contrast ratio."""
    def luminance(colour: str) -> float:
        channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def weak_colours(text: str) -> list:
    """Pairs of text and background that WCAG 2.1 AA finds too weak (below 4.5), in both themes."""
    pairs = [(text, back) for text in ("text", "quiet", "link", "good", "bad", "doubt", "benign") for back in ("card", "page")]
    pairs += [("text", "fix"), ("on-far", "m-far"), ("on-farthest", "m-farthest")]
    pairs += [("on-light", "m-" + name) for name in ("exact", "low", "within", "explained", "doubtful", "wrong")]
    weak = []
    for theme in re.findall(r":root[^{]*\{([^}]*)\}", text):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        weak += [(a, b, round(contrast(colours[a], colours[b]), 2)) for a, b in pairs
                 if contrast(colours[a], colours[b]) < 4.5]
    return weak


def check(condition: bool, sentence: str):
    if not condition:
        raise ValueError(sentence)


def check_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    check(text.startswith("<!doctype html>"), "no doctype")
    check(len(set(page.ids)) == len(page.ids), "an id twice")
    check(set(page.scripts) == {"data", "code"}, f"scripts: {list(page.scripts)}")
    check(not re.search(r"https?:|\burl\(|@import|\bfetch\b|XMLHttp|innerHTML|\beval\(", text), "loads, or makes markup of text")
    used = set(re.findall(r"byId\('([\w-]+)'\)", page.scripts["code"]))
    check(used <= set(page.ids), f"the script wants elements that are not there: {used - set(page.ids)}")
    check(page.text == path.with_suffix(".txt").read_text(encoding="utf-8"), "without scripts, not the text report")
    check(not weak_colours(text), f"hard to read: {weak_colours(text)}")
    data = json.loads(page.scripts["data"])
    check(len(data["headline"]) > 20 and data["headline"].split()[0] in page.text, "no headline")
    return page


def main() -> int:
    folder = Path(sys.argv[1])
    pages = {}
    failed = False
    for path in sorted(folder.glob("*.html")):
        try:
            pages[path.stem] = check_page(path)
        except ValueError as error:
            print(f"{path.name}: {error}")
            failed = True
    limits = {"bug": 400_000, "clean": 400_000, "long": 2_000_000}
    for name, limit in limits.items():
        size = (folder / f"{name}.html").stat().st_size
        print(f"{name}.html: {size} bytes, at most {limit}")
        failed |= size > limit
    if not failed:
        same = pages["hostile"].elements == pages["bug"].elements
        print("a hostile name adds", "no element" if same else "elements")
        hostile = json.loads(pages["hostile"].scripts["data"])["dump"]["path"]
        kept = hostile.startswith("</script><script>alert(1)</script>") and hostile.endswith("\ufffd")
        print("a hostile name is", "kept" if kept else f"changed: {hostile!r}")
        groups = [len(v["groups"]) for v in json.loads(pages["long"].scripts["data"])["values"]]
        print("groups of 512 tokens:", max(groups))
        failed |= not same or not kept or max(groups) != 64
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
