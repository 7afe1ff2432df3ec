"""What a test measured (lines that begin with RESULT or NOTE) is said at the end, also when it passed."""


def pytest_terminal_summary(terminalreporter):
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for line in report.capstdout.splitlines() if report.when == "call" else ():
                if line.startswith(("RESULT ", "NOTE ")):
                    terminalreporter.write_line(line)
