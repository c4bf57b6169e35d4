"""The contract of Shell, held to on this machine and on a real host alike."""

import time

import pytest

from remediations.connections import shell as shell_module
from remediations.connections.base import CommandResult, Shell
from remediations.errors import ConnectionLostError, HostAnswerError, RemediateError
from tests.connections.conftest import ShellOpener


def a_name() -> str:
    """Of a file that nobody has, on whatever host the shell is."""
    return f"/tmp/remediate-test-{time.time_ns()}"


def test_an_answer_is_exit_code_stdout_and_stderr(shell: Shell) -> None:
    assert shell.run("echo out; echo err >&2; (exit 7)", timeout=10) == CommandResult(7, b"out\n", b"err\n")


def test_bytes_stay_bytes(shell: Shell) -> None:
    answer = shell.run(r"printf '\000\001\377\r\n\303'", timeout=10)
    assert answer == CommandResult(0, b"\0\1\xff\r\n\xc3", b"")


def test_text_that_is_not_ascii_arrives_as_utf8(shell: Shell) -> None:
    assert shell.run("printf %s 'é€𝄞'", timeout=10).stdout == "é€𝄞".encode()


@pytest.mark.parametrize(
    ("script", "stdout"),
    [
        ("", b""),
        ("# only a comment", b""),
        ("printf x # and a comment", b"x"),
        ("printf x\n\n\n", b"x"),
        ("printf x \\", b"x"),
        ("printf x\\\n", b"x"),
        ("cat <<'E'\n}\n$(nothing)\nE", b"}\n$(nothing)\n"),
        ("cat <<-E\n\ttab\n\tE\n", b"tab\n"),
        ("if true; then echo yes; fi &&\necho more", b"yes\nmore\n"),
        ("printf '%s' '{ :'", b"{ :"),
        ("case x in x) echo x;; esac", b"x\n"),
    ],
)
def test_any_well_formed_script_ends_in_its_frame(shell: Shell, script: str, stdout: bytes) -> None:
    assert shell.run(script, timeout=10) == CommandResult(0, stdout, b"")
    assert shell.run("echo still here", timeout=10).stdout == b"still here\n"


def test_variables_functions_and_the_working_directory_stay_for_the_next_script(shell: Shell) -> None:
    shell.run("kept=1; greet() { echo hello; }; cd /tmp", timeout=10)
    assert shell.run('greet; echo "$kept"; pwd', timeout=10).stdout == b"hello\n1\n/tmp\n"


def test_a_script_finds_an_empty_stdin_and_cannot_eat_the_next_one(shell: Shell) -> None:
    assert shell.run("cat; read -r line || echo none", timeout=10).stdout == b"none\n"
    assert shell.run("echo next", timeout=10).stdout == b"next\n"


def test_two_shells_of_one_connection_are_two_processes(open_shell: ShellOpener) -> None:
    one, two = open_shell(), open_shell()
    assert one.run("echo $$", timeout=10).stdout != two.run("echo $$", timeout=10).stdout


def test_messages_are_in_english_whatever_the_login_says(shell: Shell) -> None:
    assert shell.run('echo "$LC_ALL"', timeout=10).stdout == b"C\n"


@pytest.mark.parametrize("trace", ["set -x", "set -v", "set -x; set -v"])
def test_a_shell_that_prints_what_it_runs_does_not_fake_its_markers(shell: Shell, trace: str) -> None:
    shell.run(trace, timeout=10)
    answer = shell.run("echo one; false", timeout=10)
    assert (answer.exit_code, answer.stdout) == (1, b"one\n")


def test_what_a_background_child_prints_later_is_not_in_the_next_answer(shell: Shell, open_shell: ShellOpener) -> None:
    mark = a_name()
    shell.run(f"(sleep 0.3; echo late; : >{mark}) & echo started", timeout=10)
    open_shell().run(f"until [ -e {mark} ]; do sleep 0.05; done; rm {mark}", timeout=60)
    assert shell.run("echo next", timeout=10).stdout == b"next\n"


def test_a_script_of_300_kb_and_its_answer_do_not_block_each_other(shell: Shell) -> None:
    line = "echo 0123456789012345678901234567890123456789\n"
    answer = shell.run(line * 7000, timeout=60)
    assert answer.stdout == b"0123456789012345678901234567890123456789\n" * 7000


def test_a_host_that_answers_while_it_still_reads_does_not_block(shell: Shell) -> None:
    """Output of an earlier child fills the pipes while a long script is on its way."""
    shell.run("(yes 2>/dev/null | head -c 8000000 >&2) &", timeout=10)
    assert shell.run(": '" + "x" * 3_000_000 + "'; echo done", timeout=60).stdout == b"done\n"


def test_megabytes_arrive_whole(shell: Shell) -> None:
    answer = shell.run("head -c 12000000 /dev/zero; echo err >&2", timeout=60)
    assert (len(answer.stdout), answer.stdout.count(0), answer.stderr) == (12_000_000, 12_000_000, b"err\n")


def test_stderr_is_capped_without_an_error(shell: Shell) -> None:
    answer = shell.run("yes | head -c 5000000 >&2; echo out", timeout=60)
    assert answer == CommandResult(0, b"out\n", b"y\n" * (32 * 1024))
    assert shell.run("echo next; echo err >&2", timeout=10) == CommandResult(0, b"next\n", b"err\n")


def test_an_answer_of_exactly_the_cap_is_taken(shell: Shell) -> None:
    assert len(shell.run("head -c 5000 /dev/zero", timeout=10, max_bytes=5000).stdout) == 5000


def test_an_answer_over_the_cap_is_an_error_and_ends_the_shell(shell: Shell) -> None:
    with pytest.raises(HostAnswerError, match="longer than the 5000 bytes"):
        shell.run("head -c 5001 /dev/zero", timeout=10, max_bytes=5000)
    with pytest.raises(ConnectionLostError, match="the shell is gone"):
        shell.run("true", timeout=10)


def test_output_without_end_is_cut_off_by_the_cap_long_before_the_time_limit(shell: Shell) -> None:
    with pytest.raises(HostAnswerError, match="longer than"):  # at the limit it would be a ConnectionLostError
        shell.run("yes", timeout=60, max_bytes=1_000_000)


def test_silence_ends_at_the_time_limit_and_ends_the_shell(shell: Shell) -> None:
    with pytest.raises(ConnectionLostError, match=r"no answer within 0\.5 s.*may still be running"):
        shell.run("exec sleep 60", timeout=0.5)
    with pytest.raises(ConnectionLostError, match="the shell is gone"):
        shell.run("true", timeout=10)


class Silent:
    """A Pipe to a program that says nothing for ever; its clock goes on only while somebody waits for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def send(self, data: bytes) -> None:
        """It reads everything."""

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        self.now += timeout
        self.waits.append(timeout)
        return b"", b""

    def ended(self) -> bool:
        return False

    def exit_code(self, timeout: float) -> int | None:  # noqa: ARG002  # a Pipe's signature
        return None

    def lost(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


def test_an_answer_is_waited_for_just_as_long_as_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Silent()
    monkeypatch.setattr(shell_module, "time", pipe)
    with pytest.raises(ConnectionLostError, match=r"no answer within 7\.5 s"):
        shell_module.PipeShell("web1", pipe, lambda *_: RemediateError()).run("true", timeout=7.5)
    assert sum(pipe.waits) == 7.5
    assert max(pipe.waits) <= 1.5, "between these the way is asked for a sign of life"


def test_a_host_that_always_says_a_little_ends_at_the_time_limit_too(shell: Shell) -> None:
    with pytest.raises(ConnectionLostError, match="no answer within 1 s"):
        shell.run("while :; do echo .; sleep 0.05; done", timeout=1)


def test_a_syntax_error_runs_nothing_and_is_told_with_the_shells_words(shell: Shell, open_shell: ShellOpener) -> None:
    mark = a_name()
    with pytest.raises(HostAnswerError, match=r"ended with exit code 2 in the middle of a script: .*yntax error"):
        shell.run(f"touch {mark}\nif true", timeout=10)
    assert open_shell().run(f"test -e {mark}", timeout=10).exit_code == 1


@pytest.mark.parametrize(("script", "code"), [("echo bye >&2; exit 3", 3), ("set -e; false", 1)])
def test_a_script_that_ends_its_shell_is_an_error_with_its_exit_code(shell: Shell, script: str, code: int) -> None:
    with pytest.raises(HostAnswerError, match=f"ended with exit code {code} in the middle"):
        shell.run(script, timeout=10)


def test_a_script_that_ends_its_shell_is_noticed_though_a_child_holds_the_pipes(shell: Shell) -> None:
    with pytest.raises(HostAnswerError, match="ended with exit code 3"):  # at the limit it would be another error
        shell.run("sleep 60 & exit 3", timeout=30)


def test_a_shell_that_is_killed_is_an_error(shell: Shell) -> None:
    with pytest.raises(HostAnswerError, match="was killed in the middle of a script"):
        shell.run("kill -9 $$; sleep 1", timeout=10)


def test_a_shell_that_died_between_two_scripts_is_lost(shell: Shell, open_shell: ShellOpener) -> None:
    pid = shell.run("echo $$", timeout=10).stdout.decode().strip()
    lives = f"grep -qs '^State:.[^ZX]' /proc/{pid}/status"
    killed = open_shell().run(f"{lives} && kill -9 {pid} && while {lives}; do sleep 0.05; done", timeout=60)
    assert killed.exit_code == 0
    with pytest.raises(ConnectionLostError):
        shell.run("true", timeout=10)


def test_a_closed_shell_says_so(shell: Shell) -> None:
    with shell:
        shell.run("true", timeout=10)
    shell.close()
    with pytest.raises(ConnectionLostError, match="it was closed"):
        shell.run("true", timeout=10)


def test_control_characters_of_the_host_do_not_reach_the_message(shell: Shell) -> None:
    with pytest.raises(HostAnswerError) as caught:
        shell.run(r"printf '\033[2Jgone\n\342\200\256txt' >&2; exit 1", timeout=10)
    assert "\x1b" not in str(caught.value)
    assert r"\x1b[2Jgone / \u202etxt" in str(caught.value)
