"""Which words of a command line give a credential: the service's own rule."""

import re
from collections.abc import Iterable

from trainer_runtime.secret_names import is_credential_name

#: The variables that hold such words.
_VARIABLE = re.compile(r"TRAINING_(COMMAND|ARG)_\d+")
#: `--api-key=X`, `HF_TOKEN=X`, `Authorization: Bearer X`, also inside a text for a shell.
_ASSIGNMENT = re.compile(
    r"""(?:^|(?<=[\s;'"(]))"""
    r"""(?:--?([A-Za-z][\w.-]*)\s+(?!-)|-{0,2}([A-Za-z][\w.-]*)(?:=|:\s?))"""
    r"""(?:['"]?(?:Bearer|Basic|Token) +)?(['"]?)(?=[^\s'"$])"""
)
_SHELL_END = re.compile(r"""[^\s'";&|()]*""")
_BLANK_END = re.compile(r"""[^\s'"]*""")


def is_word_variable(name: str) -> bool:
    """Whether a variable holds a word that gives a credential."""
    return _VARIABLE.fullmatch(name) is not None


def secrets_of_word(word: str, known: Iterable[str]) -> set[str]:
    """What must not be seen of a word: of a script only what it gives, not each of its lines."""
    parts = find_assigned_credentials(word)
    if re.search(r"\s", word) is None:
        return {word, *parts}
    gives = bool(parts) or any(value in word for value in known)
    # What gives none by itself is what follows a flag.
    return parts if gives else {word}


def find_assigned_credentials(word: str) -> set[str]:
    """The credentials that a word gives within itself; at most a few times as long as the word."""
    found: set[str] = set()
    end = 0
    for start in _ASSIGNMENT.finditer(word):
        flag, assigned, quote = start.groups()
        if not is_credential_name(assigned or flag):
            continue
        begin = start.end()
        close = word.find(quote, begin) if quote else -1
        if close >= 0:
            found.add(word[begin:close])
            continue
        found.add(_read(_SHELL_END, word, begin))
        # Where no shell reads the word, its first assignment takes all up to a blank.
        if begin >= end:
            whole = _read(_BLANK_END, word, begin)
            found.add(whole)
            end = begin + len(whole)
    return found


def _read(pattern: re.Pattern[str], text: str, begin: int) -> str:
    match = pattern.match(text, begin)
    return match[0] if match else ""
