"""Numerals read back, another way round than `ivr/speaking.py` says them."""

UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
DIGITS = {**{digit: at for at, digit in enumerate("零一二三四五六七八九")}, "两": 2}


def read_chinese(text: str) -> int:
    """The value of a Chinese numeral: another way round than the speaking."""
    for unit in "亿万千百十":
        before, found, behind = text.partition(unit)
        if found:
            return (read_chinese(before) if before else 1) * UNITS[unit] + read_chinese(behind)
    return int("".join(str(DIGITS[char]) for char in text) or 0)


WORDS = {
    word: at
    for at, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: (at + 2) * 10
    for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}


def read_english(text: str) -> int:
    """The value of an English number."""
    total = section = 0
    for word in text.replace("-", " ").replace(" and", "").split():
        if word == "hundred":
            section *= 100
        elif word in ("thousand", "million", "billion"):
            total += section * {"thousand": 10**3, "million": 10**6, "billion": 10**9}[word]
            section = 0
        else:
            section += WORDS[word]
    return total + section
