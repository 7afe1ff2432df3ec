"""Lambda's runtime API as a packed function sees it, and the functions that run under it.

Equivalent of the runtime interface emulator: next waits for an event, response and error answer it; several processes
may serve one queue, as Lambda's execution environments do.
"""

import http.server
import json
import pathlib
import queue
import subprocess
import threading
import time
import uuid
import zipfile

from house import BUILD, Program, wait_for

RUNTIME = "/2018-06-01/runtime"


class Invocation:
    def __init__(self, event, seconds):
        self.id, self.event, self.seconds = str(uuid.uuid4()), event, seconds
        self.done = threading.Event()
        self.answer = self.error = self.error_type = None


class RuntimeApi:
    """One queue of events, and what came back. `first_next`: when a process asked for the first time (monotonic)."""

    def __init__(self):
        self.events, self.running = queue.Queue(), {}
        self.first_next, self.init_errors, self.requests = None, [], []
        self.closing = False
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.next(self)

            def do_POST(self):
                api.post(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a function that a test killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, request):
        if self.first_next is None:
            self.first_next = time.monotonic()
        while True:
            try:
                invocation = self.events.get(timeout=0.2)
                break
            except queue.Empty:
                if self.closing:
                    return reply(request, 500, b"{}")
        self.running[invocation.id] = invocation
        deadline = int((time.time() + invocation.seconds) * 1000)
        reply(request, 200, json.dumps(invocation.event).encode(), {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f"})

    def post(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.requests.append((request.path, dict(request.headers)))
        what = request.path.removeprefix(RUNTIME).strip("/").split("/")
        if what == ["init", "error"]:
            self.init_errors.append(json.loads(body))
            return reply(request, 202, b'{"status":"OK"}')
        invocation = self.running.pop(what[1], None) if len(what) == 3 and what[0] == "invocation" else None
        if invocation is None:
            return reply(request, 400, b'{"errorMessage":"unknown request id","errorType":"InvalidRequestID"}')
        if what[2] == "response":
            invocation.answer = json.loads(body)
        else:
            invocation.error = json.loads(body)
            invocation.error_type = request.headers["Lambda-Runtime-Function-Error-Type"]
        invocation.done.set()
        return reply(request, 202, b'{"status":"OK"}')

    def start_invocation(self, event, seconds=29):
        invocation = Invocation(event, seconds)
        self.events.put(invocation)
        return invocation

    def invoke(self, event, seconds=29):
        """The function's answer; AssertionError with its error if there is one."""
        invocation = self.start_invocation(event, seconds)
        assert invocation.done.wait(seconds + 5), "the function did not answer"
        assert invocation.error is None, invocation.error
        return invocation.answer

    def fails(self, event):
        invocation = self.start_invocation(event)
        assert invocation.done.wait(35), "the function did not answer"
        assert invocation.error is not None, invocation.answer
        return invocation.error

    def close(self):
        self.closing = True


def reply(request, status, body, headers=None):
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def build_zips():
    subprocess.run(["cmake", "--build", BUILD, "--target", "lambda-zips"], check=True, capture_output=True)


def unpack(name, folder):
    """The zip as Lambda unpacks it; returns the task root."""
    root = pathlib.Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(BUILD / "cloud" / "lambda" / f"{name}.zip") as archive:
        for entry in archive.infolist():
            path = pathlib.Path(archive.extract(entry, root))
            path.chmod((entry.external_attr >> 16) & 0o777)
    return root


class Function(Program):
    """A packed function under a runtime API, with nothing in its environment but what Lambda puts there."""

    def __init__(self, task_root, api, log, env):
        super().__init__(log)
        self.task_root, self.api = task_root, api
        self.env = {"AWS_LAMBDA_RUNTIME_API": api.address, "LAMBDA_TASK_ROOT": str(task_root), "AWS_REGION": "eu-central-1",
                    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
                    "AWS_SESSION_TOKEN": "session", **env}

    def start(self, command=None):
        with open(self.log, "ab") as out:
            self.started = time.monotonic()
            self.process = subprocess.Popen(command or [str(self.task_root / "bootstrap")], stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=self.env)
        return self

    def wait_ready(self):
        wait_for("the function asks for its first event", lambda: self.api.first_next is not None or not self.alive())
        assert self.alive(), self.text()
        return self

    def peak_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def rest_event(method, path, body=None, query=None, headers=None, stage="v1"):
    """As API Gateway's REST proxy integration writes it: absent maps are null."""
    return {"resource": path, "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": None,
            "queryStringParameters": query, "multiValueQueryStringParameters": None, "pathParameters": None,
            "stageVariables": None, "requestContext": {"stage": stage, "requestId": str(uuid.uuid4()), "httpMethod": method,
                                                       "identity": {"sourceIp": "192.0.2.1"}, "path": f"/{stage}{path}"},
            "body": None if body is None else json.dumps(body), "isBase64Encoded": False}
