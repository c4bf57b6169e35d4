"""What of the undo code has run, and which way each decision went: bash tells each command before it runs.

A decision is a command whose status chooses what comes next: it stands before `&&`, `||`, `; then` or `; do`. It went
both ways where it was seen to succeed and to fail. The status of what ends its own process (the last command of a pipe,
of a subshell, of the program) cannot be seen so: such a decision is told as seen one way.
A loop's `read` is no decision here: bash tells of its end no status, and every loop that was entered has ended.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNDO = """
undo serve_again rollback tidy disarm foreign came_in put_back take_away bring_back from_journal drop_beside revive
way_back began_with_ours
"""
UNDO = frozenset(_UNDO.split())
TRACE = Path("/run/remediate/trace")
TELL = r"""printf "%s|%s|%s|%s|%s\n" "$BASHPID" "$?" "${#FUNCNAME[@]}" "$LINENO" "${BASH_COMMAND%%[[:cntrl:]]*}" >&7"""
BEGIN = f"""umask 077; [ -z "$BASH_VERSION" ] || {{ exec 7>>{TRACE}; set -T; trap '{TELL}' DEBUG; }}\n"""
CUT = re.compile(
    r"\s*(&&|\|\||;;|;|\||\{ | \}$|\bthen\b|\bdo\b|\belse\b|\bif\b|\belif\b|\bwhile\b|\buntil\b|(?<!\[ )! )\s*"
)
CHOOSING = ("&&", "||", "then", "do")
NO_COMMAND = re.compile(r"(fi|done|esac|else|\}|\} 2>/dev/null|done <\S+|done <<LIST|case .* in|.*\) :|#.*)?")


@dataclass(frozen=True, order=True)
class Decision:
    line: int
    command: str


@dataclass(frozen=True)
class Trace:
    """The lines on which commands ran, and each decision's outcomes."""

    lines: frozenset[int]
    outcomes: dict[tuple[int, str], frozenset[bool]]


def traced(text: str) -> str:
    """The program, telling; its lines keep their numbers."""
    return text.replace("umask 077\n", BEGIN, 1)


def undo_lines(text: str) -> dict[int, str]:
    """The lines of the undo code that hold commands."""
    return {number: line for number, line in _bodies(text) if not NO_COMMAND.fullmatch(line.strip())}


def decisions(text: str) -> list[Decision]:
    return sorted({Decision(number, each) for number, line in undo_lines(text).items() for each in _choosing(line)})


def read(data: str) -> Trace:
    """A status belongs to what the same process told of before, in this function or in those that it has left."""
    before: dict[str, dict[int, tuple[int, str]]] = {}
    outcomes: dict[tuple[int, str], frozenset[bool]] = {}
    for told in data.splitlines():
        pid, status, deep, line, command = told.split("|", 4)
        depth, mine = int(deep), before.setdefault(pid, {})
        for left in [each for each in mine if each >= depth]:
            key = mine.pop(left)
            outcomes[key] |= {status == "0"}
        mine[depth] = (int(line), bare(command))
        outcomes.setdefault(mine[depth], frozenset())
    return Trace(frozenset(line for line, _ in outcomes), outcomes)


def bare(command: str) -> str:
    """Without blanks: bash prints redirections its own way."""
    return re.sub(r"[\s]|1(?=>)", "", command)


def _bodies(text: str) -> Iterator[tuple[int, str]]:
    inside = here = False
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"([a-z_]+)\(\) \{(.*)", line)
        if head:
            inside, line = head[1] in UNDO, re.sub(r"^\s*#.*", "", head[2]).removesuffix("}")
        if inside and not here:
            yield number, re.sub(r"\s# .*", "", line)
        here = (here or line.endswith("<<LIST")) and line != "LIST"
        inside = inside and not line.startswith("}")


def _choosing(line: str) -> Iterator[str]:
    pieces = CUT.split(line)
    for at in range(0, len(pieces) - 1, 2):
        following = pieces[at + 1] if pieces[at + 1] != ";" or pieces[at + 2] else pieces[at + 3 : at + 4][0]
        command = re.sub(r"^[\w*:| ]+\) ", "", pieces[at].strip())
        if following in CHOOSING and command and not command.startswith(("case ", "for ", "read ", "}", "#")):
            yield bare(command)
