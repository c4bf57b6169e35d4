"""What of the undo code has run, and which way each decision went: bash tells each command before it runs.

A decision is a command whose status chooses what comes next: it stands before `&&`, `||`, `; then` or `; do`. It went
one way where what the program has next to it ran next in the same process, the other where something else did, or
nothing. A loop's `read` is no decision here: every loop that was entered has ended. An arm of a `case` is a way of
its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_UNDO = """
undo serve_again rollback tidy disarm foreign came_in put_back take_away bring_back from_journal drop_beside revive
way_back began_with_ours
"""
UNDO = frozenset(_UNDO.split())
TRACE = Path("/run/remediate/trace")
Place = tuple[int, str]
TELL = r"""printf "%s|%s|%s|%s\n" "$BASHPID" "${#FUNCNAME[@]}" "$LINENO" "${BASH_COMMAND%%[[:cntrl:]]*}" >&7"""
BEGIN = f"""umask 077; [ -z "$BASH_VERSION" ] || {{ exec 7>>{TRACE}; set -T; trap '{TELL}' DEBUG; }}\n"""
CUT = re.compile(
    r"\s*(&&|\|\||;;|;|\||\{ | \}$|\bthen\b|\bdo\b|\belse\b|\bif\b|\belif\b|\bwhile\b|\buntil\b|(?<!\[ )! )\s*"
)
CASE = re.compile(r"\bcase (.*?) in\b(?! *$)")
ARM = re.compile(r"^(?!\w+--)[-\w*:|?> ]+\)(\s+|$)")
CHOOSING = ("&&", "||", "then", "do")
NO_COMMAND = re.compile(r"(fi|done|esac|else|\}|\} 2>/dev/null|done <\S+( >\S+)?|done <<LIST|case .* in|.*\) :|#.*)?")


@dataclass(frozen=True, order=True)
class Decision:
    """`then` is the line and the command that stand next to it."""

    line: int
    command: str
    then: tuple[int, str]


@dataclass(frozen=True)
class Trace:
    """The lines on which commands ran, and what followed each command; None where its function or process ended."""

    lines: frozenset[int]
    followers: Mapping[Place, frozenset[Place | None]]

    def ran(self, place: Place) -> bool:
        return any(_same(here, place) for here in self.followers)

    def ways(self, decision: Decision) -> frozenset[bool]:
        found = self.followers.get((decision.line, decision.command), frozenset())
        return frozenset(_same(follower, decision.then) for follower in found)


def _same(here: Place | None, there: Place) -> bool:
    """bash tells only the head of a `case`; a text in quotes may hold a semicolon."""
    if here is None or here[0] != there[0]:
        return False
    return here[1].startswith(there[1]) or there[1].startswith(here[1])


def traced(text: str) -> str:
    """The program, telling; its lines keep their numbers."""
    return text.replace("umask 077\n", BEGIN, 1)


def undo_lines(text: str) -> dict[int, str]:
    """The lines of the undo code that hold commands."""
    return {number: line for number, line in _bodies(text) if not NO_COMMAND.fullmatch(line.strip())}


def decisions(text: str) -> list[Decision]:
    lines = undo_lines(text)
    pieces = [piece for number, line in lines.items() for piece in _pieces(number, line)]
    following = [*pieces[1:], (0, "", "")]
    pairs = [(here, after) for here, after in zip(pieces, following, strict=True) if here[2] in CHOOSING]
    return sorted({Decision(line, command, after[:2]) for (line, command, _), after in pairs if _decides(command)})


def arms(text: str) -> list[Place]:
    """The first command of each arm of a `case` that has one."""
    told = (place for number, line in undo_lines(text).items() for place in _arms(number, line))
    return sorted(set(told))


def read(data: str) -> Trace:
    """Functions that a command has called are over once its own function tells again."""
    before: dict[str, dict[int, Place]] = defaultdict(dict)
    followers: dict[Place, set[Place | None]] = defaultdict(set)
    lines = set()
    for told in data.splitlines():
        pid, deep, line, command = told.split("|", 3)
        depth, here, mine = int(deep), (int(line), bare(command)), before[pid]
        for left in [each for each in mine if each >= depth]:
            followers[mine.pop(left)].add(here if left == depth else None)
        mine[depth] = here
        lines.add(int(line))
    for place in (place for mine in before.values() for place in mine.values()):
        followers[place].add(None)
    return Trace(frozenset(lines), {place: frozenset(found) for place, found in followers.items()})


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


def _pieces(number: int, line: str) -> Iterator[tuple[int, str, str]]:
    """The commands of a line, each with the operator that follows."""
    words = _words(line)
    commands = [bare(ARM.sub("", word)) for word in words[::2]]
    commands = ["" if command == "}" else command for command in commands]
    operators = [*words[1::2], ""]
    for at, command in enumerate(commands):
        if command:
            after = [each for each in operators[at : _next(commands, at)] if each != ";"]
            yield number, command, next(iter(after), "")


def _words(line: str) -> list[str]:
    """The head of a `case` stands apart from its first arm."""
    return [word.strip() for word in CUT.split(CASE.sub(r"case \1;;", line))]


def _arms(number: int, line: str) -> Iterator[Place]:
    words = _words(line)
    for word, operator, following in zip(words[::2], [*words[1::2], ""], [*words[2::2], ""], strict=True):
        if match := ARM.match(word):
            command = word[match.end() :] or (following if operator == "while" else "")
            if command:
                yield number, bare(command)


def _next(commands: list[str], at: int) -> int:
    return next((later for later in range(at + 1, len(commands)) if commands[later]), len(commands))


def _decides(command: str) -> bool:
    return not command.startswith(("case", "for", "read", "}"))
