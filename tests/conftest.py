"""What all tests with the built programs share: the way to tests/support, and what is said at the end."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))


def pytest_terminal_summary(terminalreporter):
    """What a test measured (lines that begin with RESULT or NOTE) is said also when it passed."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for line in report.capstdout.splitlines() if report.when == "call" else ():
                if line.startswith(("RESULT ", "NOTE ")):
                    terminalreporter.write_line(line)
