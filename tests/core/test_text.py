"""A stranger's text on one line, without what cannot be seen."""

import unicodedata

import pytest

from flask_cimd.core.text import clean_text
from tests.support.proves import proves


@proves("C-116")
@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Claude Code", "Claude Code"),
        ("  Two\t\r\n words\u00a0here ", "Two words here"),
        ("a\u0000b\u001b[31mc\u007fd\u0085e", "ab[31mcd e"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066\u2067\u2068x\u2069\u200e\u200f\u061c", "x"),
        ("a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg", "abcdefg"),
        ("\u3164\u115f\u1160\uffa0\u2800", ""),
        ("\ue000\U000f0000\U0010ffff\ufffe", ""),
        ("\ud800x", "x"),
        ("\U000e0067\U000e0062x", "x"),
        ("a\u2028b\u2029c", "a b c"),
        ("Z\u0335\u0336\u0337\u0338\u0334algo", "Z\u0335\u0336\u0337algo"),
        ("a\u20dd\u20de\u20df\u20e0b", "a\u20dd\u20de\u20dfb"),
        ("\u0301\u0302x", "x"),
        ("a\u200b\u0301\u0302\u0303\u0304", "a\u0301\u0302\u0303"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("สวัสดีชาวโลก", "สวัสดีชาวโลก"),
        ("Việt Nam", "Việt Nam"),
        ("日本語アプリ", "日本語アプリ"),
        ("👍🏽 ok", "👍🏽 ok"),
        ("<b>&amp;\"'", "<b>&amp;\"'"),
        ("", ""),
    ],
)
def test_invisible_and_turning_characters_are_gone(text: str, cleaned: str) -> None:
    assert clean_text(text, 100) == cleaned


def test_the_cut_leaves_no_blank_at_the_end() -> None:
    assert clean_text("ab cd", 3) == "ab"
    assert clean_text("x" * 101, 100) == "x" * 100


def test_cleaning_again_changes_nothing() -> None:
    every = "".join(chr(number) for number in range(0x3000) if not 0xD800 <= number < 0xE000)
    once = clean_text(every, 20_000)
    assert clean_text(once, 20_000) == once
    assert not {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} & {unicodedata.category(character) for character in once}


@pytest.mark.parametrize("piece", ["x", " ", "\u202e", "\u0301", "\n x"])
def test_a_long_text_is_cut_before_it_is_cleaned(piece: str) -> None:
    assert len(clean_text(piece * 5_000_000, 100)) <= 100
