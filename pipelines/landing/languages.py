"""The language of a title: as the source says, else as the title reads."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

UNKNOWN = "und"  # ISO 639-2: undetermined
LEAST_LETTERS = 8  # of a title whose language is looked for
# The languages of most news. Two that a title cannot tell apart, Malay and Indonesian, are one.
NAMES = {
    "ar": "arabic ara", "bg": "bulgarian bul", "bn": "bengali ben", "ca": "catalan cat",
    "cs": "czech ces cze", "da": "danish dan", "de": "german deu ger", "el": "greek ell gre",
    "en": "english eng", "es": "spanish spa", "et": "estonian est", "fa": "persian fas per",
    "fi": "finnish fin", "fr": "french fra fre", "he": "hebrew heb iw", "hi": "hindi hin",
    "hr": "croatian hrv", "hu": "hungarian hun", "id": "indonesian ind in", "it": "italian ita",
    "ja": "japanese jpn", "ko": "korean kor", "lt": "lithuanian lit", "lv": "latvian lav",
    "nl": "dutch nld dut", "no": "norwegian nor nb nn", "pl": "polish pol",
    "pt": "portuguese por", "ro": "romanian ron rum", "ru": "russian rus",
    "sk": "slovak slk slo", "sl": "slovenian slv", "sr": "serbian srp", "sv": "swedish swe",
    "ta": "tamil tam", "te": "telugu tel", "th": "thai tha", "tr": "turkish tur",
    "uk": "ukrainian ukr", "ur": "urdu urd", "vi": "vietnamese vie", "zh": "chinese zho chi",
}  # fmt: skip
# Said by sources, and not looked for.
OTHERS = {
    "af": "afrikaans afr", "az": "azerbaijani aze", "bs": "bosnian bos", "eu": "basque eus baq",
    "gl": "galician glg", "gu": "gujarati guj", "hy": "armenian hye arm", "is": "icelandic isl ice",
    "ka": "georgian kat geo", "kk": "kazakh kaz", "kn": "kannada kan", "mk": "macedonian mkd mac",
    "ml": "malayalam mal", "mr": "marathi mar", "ms": "malay msa may", "ne": "nepali nep",
    "pa": "punjabi pan", "si": "sinhala sin sinhalese", "sq": "albanian sqi alb",
    "sw": "swahili swa", "tl": "tagalog tgl filipino fil",
}  # fmt: skip
_CODES = {
    name: code
    for names in (NAMES, OTHERS)
    for code, words in names.items()
    for name in (code, *words.split())
}
_LOCK = threading.Lock()


def language_of(name: str | None, title: str) -> str:
    """Return the ISO 639-1 code of a title's language; und where neither source nor title tells."""
    code = _CODES.get((name or "").strip().lower().replace("_", "-").split("-")[0].strip())
    return code or detect_language(title)


def detect_language(title: str) -> str:
    """Return the language that a title reads like."""
    if sum(map(str.isalpha, title)) < LEAST_LETTERS and title.isascii():
        return UNKNOWN
    with _LOCK:  # it is a library of one thread
        code, _ = _identifier().classify(title)
    return str(code)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 2 s, where a source says none

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(NAMES))
    return identifier
