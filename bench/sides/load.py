"""The load generator, `mqtt-load`, as the benches call it."""

import json
import subprocess

from .peers import LOAD


def run(mode, port, timeout=600, **options):
    argv = load_argv(mode, port, **options)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def start(mode, port, **options):
    return subprocess.Popen(load_argv(mode, port, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def load_argv(mode, port, **options):
    argv = [str(LOAD), mode, "--host", "127.0.0.1", "--port", str(port), "--json"]
    for key, value in options.items():
        if value is True:
            argv.append(f"--{key.replace('_', '-')}")
        else:
            argv += [f"--{key.replace('_', '-')}", str(value)]
    return argv
