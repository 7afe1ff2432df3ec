"""How a result is printed, and the alternation that makes it fair."""

import pathlib
import shutil
import statistics
import tempfile


def alternate(rounds, ours, peer):
    """Runs ours, peer, ours, peer, …; the medians of both."""
    a, b = [], []
    for number in range(rounds):
        a.append(ours())
        b.append(peer())
        print(f"  round {number + 1}: ours={a[-1]:.4g} peer={b[-1]:.4g}", flush=True)
    return statistics.median(a), statistics.median(b)


def result(name, ours, peer, unit, **more):
    ratio = ours / peer if peer else float("inf")
    words = " ".join(f"{key}={value}" for key, value in more.items())
    print(f"RESULT {name} ours={ours:.4g} peer={peer:.4g} ratio={ratio:.3g} unit={unit} {words}".rstrip(), flush=True)


class Folder:
    """A scratch folder on the same disk for both sides (not /tmp if that is memory), gone afterwards."""

    def __enter__(self):
        base = pathlib.Path(__file__).resolve().parents[2] / "build"
        base.mkdir(exist_ok=True)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=base))
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
