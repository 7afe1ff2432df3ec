"""What sluiced takes on its command line, and the exit code that a unit decides by."""

import subprocess

import pytest
from house import SLUICED

USAGE, CONFIG = 64, 78


@pytest.mark.parametrize("words, code, said", [
    (["--help"], 0, "--config FILE"),
    (["-h"], 0, "78 the configuration has problems"),
    (["--version"], 0, "sluiced "),
    (["--wrong"], USAGE, "Try: sluiced --help"),
    (["--config"], USAGE, "Try: sluiced --help"),
    (["--check=yes"], USAGE, "Try: sluiced --help"),
    (["sluice.yaml"], USAGE, "`sluice.yaml` is no option"),
    (["--check", "--config", "/nonexistent/a.yaml"], CONFIG, "/nonexistent/a.yaml"),
    (["--check", "--config=/nonexistent/a.yaml"], CONFIG, "/nonexistent/a.yaml"),
    (["-c", "/nonexistent/a.yaml"], CONFIG, "/nonexistent/a.yaml"),
])
def test_the_command_line_ends_with_its_exit_code_and_says_why(words, code, said):
    done = subprocess.run([SLUICED, *words], capture_output=True, text=True, timeout=20)
    assert (done.returncode, said in (done.stderr if code else done.stdout)) == (code, True), (done.stdout, done.stderr)
