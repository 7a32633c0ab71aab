"""A service that asks another one, with signed requests, for each request that it gets; the SDK is botocore.

GET /sign: 200; 503 without credentials; 502 when the other service does not take them.
GET /figures: how many requests there were, and where their time went.
POST /prime: credentials as if just started. POST /calls/REQUESTS/CONCURRENCY: only takes them, so often.
"""
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.session

UPSTREAM = os.environ["UPSTREAM_URL"]
TIMEOUT_S = 3


class Sdk:
    def __init__(self):
        self.lock = threading.Lock()
        self.session = botocore.session.Session()

    def credentials(self):
        """As botocore's clients do before each request: the object is kept, what it holds is asked for."""
        with self.lock:
            held = self.session.get_credentials()
        if held is None:
            raise RuntimeError("no credentials")
        return held.get_frozen_credentials()


sdk = Sdk()
swept = sdk
figures_lock = threading.Lock()
figures = {"requests": 0, "ms": {"credentials": 0.0, "dns": 0.0, "upstream": 0.0, "rest": 0.0}}


def spent(begin, taken, resolved, signed, end):
    with figures_lock:
        figures["requests"] += 1
        for name, seconds in (
            ("credentials", taken - begin),
            ("dns", resolved - taken),
            ("rest", signed - resolved),
            ("upstream", end - signed),
        ):
            figures["ms"][name] += seconds * 1000


def sign():
    begin = time.monotonic()
    try:
        credentials = sdk.credentials()
    except Exception:
        return 503, {"error": "no credentials"}
    taken = time.monotonic()
    try:
        url = urlsplit(UPSTREAM)
        socket.getaddrinfo(url.hostname, url.port)
        resolved = time.monotonic()
        request = botocore.awsrequest.AWSRequest("GET", UPSTREAM)
        botocore.auth.SigV4Auth(credentials, "es", "eu-west-1").add_auth(request)
        signed = time.monotonic()
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_S)
        connection.request("GET", url.path or "/", headers=dict(request.headers.items()))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        spent(begin, taken, resolved, signed, time.monotonic())
        return (200 if answer.status == 200 else 502), {"upstream": answer.status}
    except OSError:
        return 502, {"error": "the other service cannot be reached"}


def failures(used):
    try:
        used.credentials()
        return 0
    except Exception:
        return 1


def prime():
    global swept
    swept = Sdk()
    return 200, {"failed": failures(swept)}


def calls(requests, concurrency):
    begin = time.monotonic()
    with ThreadPoolExecutor(concurrency) as threads:
        failed = sum(threads.map(failures, [swept] * requests))
    return 200, {"failed": failed, "ms": round((time.monotonic() - begin) * 1000)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ready":
            self.answer(200, {})
        elif self.path == "/figures":
            with figures_lock:
                self.answer(200, figures)
        else:
            self.answer(*sign())

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = self.path.strip("/").split("/")
        self.answer(*(prime() if parts[0] == "prime" else calls(int(parts[1]), int(parts[2]))))

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """A line for each request would be all that the log holds."""


# Process 1 of a container gets no default handler.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
