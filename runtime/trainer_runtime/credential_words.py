"""Which words of a command line give a credential: the service's own rule."""

import re

from trainer_runtime.secret_names import is_credential_name

#: The variables that hold such words.
_VARIABLE = re.compile(r"TRAINING_(COMMAND|ARG)_\d+")
#: `--api-key=X`, `HF_TOKEN=X`, and each of these inside a text for a shell.
_ASSIGNMENT = re.compile(
    r"""(?:^|(?<=[\s;'"(]))"""
    r"""(?:--?([A-Za-z][\w.-]*)\s+(?!-)|-{0,2}([A-Za-z][\w.-]*)(?:=|:\s?))"""
    r"""(['"]?)(?=[^\s'"$])"""
)
#: Where a credential ends; whether a shell reads the word is not known.
_ENDS = (re.compile(r"""[^\s'"]*"""), re.compile(r"""[^\s'";&|()]*"""))


def is_word_variable(name: str) -> bool:
    """Whether a variable holds a word that gives a credential."""
    return _VARIABLE.fullmatch(name) is not None


def credentials_of_word(word: str) -> set[str]:
    """The word, and each credential that it gives within itself."""
    found = {word}
    for start in _ASSIGNMENT.finditer(word):
        flag, assigned, quote = start.groups()
        if not is_credential_name(assigned or flag):
            continue
        rest = word[start.end() :]
        ends = [] if quote else [end.match(rest) for end in _ENDS]
        found |= {end[0] for end in ends if end} if ends else {rest.split(quote, 1)[0]}
    return found
