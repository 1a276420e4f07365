"""Random texts that tokenizers find hard: mixed scripts, blanks, digits, emoji, marks, controls, broken UTF-8."""

import unicodedata

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
POOLS = [
    LETTERS,
    "0123456789" * 3,
    " " * 20,
    "\n\r\t\x0b\x0c ",
    "'\"`.,;:!?-_()[]{}<>/\\|@#$%^&*+=~",
    "".join(map(chr, range(0x400, 0x460))),
    "".join(chr(c) for c in range(0x391, 0x3CA) if c != 0x3A2),
    "一二三四五你好世界龥鿿㐀々〇",
    "ぁあいうアイウーヴゟヿ゠",
    "가나다힣ㄱㅎᄀ",
    "กขคงั่้ำเแๆ",
    "अआइकखगािीुूंःँ०१२",
    "ابتثجحخًٌٍَُِ٠١٢٣،؟۔",
    "אבגדהוזחט",
    "ႠႡაბგᲐ",
    "\u0300\u0301\u0302\u20dd\u0483\u0903",
    "😀😁🚀🦙👩‍💻👨‍👩‍👧‍👦🏳️‍🌈🇧🇬\u200d\ufe0f",
    "²³¹½⅓Ⅷⅻ①②❶㉑１２３",
    "\u00a0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000\u0085\u180e\u200b\u2060\ufeff",
    "\x00\x01\x02\x1b\x1c\x1d\x1e\x1f\x7f\x80\x9f\xad",
    "ſK\u2126Åſ'ſʼ’ß",
    "DžDzLjʰʱªºˠǅǈ",
    "…。，、「」！？（）～‘’“”—",
    "€£¥₿∑∞≠←→",
    "ðØøåÆŁłŻż",
    "𐐀𐐨𝐀𝐚𝟎𝟗𠀀𪜀𐒰𑢠𞤀",
]
WORDS = [
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'Re", "'x", "'ſ", "Hello", "World", "HelloWorld",
    "camelCase", "приветМир", "www", "don't", "  ", "   ", "    ", "\n\n", "\r\n", " \n ", " \r\n\r\n ", "1234567",
    "12345", "3.14", "1,000,000", "a1b2", "10²", "\t\t", "//", "/* */", "x=y;", "IMGIMGABZ", "<sentinel:12>",
]


def _any_assigned(rng):
    while True:
        c = chr(rng.randrange(0x110000 if rng.random() < 0.5 else 0x3000))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def _chunk(rng, specials):
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(WORDS)
    if kind < 0.32:
        return _any_assigned(rng) * rng.choice([1, 1, 2, 3])
    if kind < 0.36 and specials:
        return rng.choice(specials)
    if kind < 0.42:
        return rng.choice(rng.choice(POOLS)) * rng.randint(1, 9)
    pool = rng.choice(POOLS)
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, 6)))


def texts(rng, count, specials=(), longest=40):
    """`count` valid strings of up to `longest` chunks each."""
    result = []
    for _ in range(count):
        chunks = rng.randint(1, rng.choice([4, 12, longest]))
        text = ""
        for _ in range(chunks):
            text += _chunk(rng, specials)
            if rng.random() < 0.3:
                text += " "
        result.append(text)
    return result


def broken(rng, text):
    """`text` as bytes, with a few bytes put in or taken out."""
    data = bytearray(text.encode("utf-8"))
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        if rng.random() < 0.5:
            data[at:at] = bytes([rng.randrange(128, 256)])
        elif len(data) > 1:
            del data[max(at - 1, 0)]
    return bytes(data)
