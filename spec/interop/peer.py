"""Python's grpcio as the peer of grpc.ts: `peer.py serve|call '<plan as JSON>'`. See there for plan and report.

Both sides compress, each message that becomes shorter by it: none of 0 or 1 bytes.
"""
import collections
import concurrent.futures
import hashlib
import itertools
import json
import sys
import threading

import grpc

MAX_LENGTH = 16 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_LENGTH),
    ("grpc.max_send_message_length", MAX_LENGTH),
]
COMPRESSION = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}

lock = threading.Lock()
sent = collections.Counter()
received = collections.Counter()


def serialize(message):
    with lock:
        sent[len(message)] += 1
    return message


def deserialize(message):
    with lock:
        received[len(message)] += 1
    return message


def digest(messages):
    """Of all messages and where each ends. Padded, so that compressing it pays."""
    whole = hashlib.sha256()
    for message in messages:
        whole.update(hashlib.sha256(message).digest())
    return whole.hexdigest().ljust(1_000).encode()


def message_of(lane, index, length):
    """No two are alike. One shrinks to the half, the next to almost nothing."""
    period = length if index % 2 == 0 else min(length, 64)
    if period == 0:
        return b""
    text = hashlib.shake_256(f"{lane}/{index}".encode()).hexdigest((period + 1) // 2)[:period]
    return (text * (length // period + 1))[:length].encode()


def serve(plan):
    def download(request, context):
        copies = int(dict(context.invocation_metadata())["copies"])
        return itertools.repeat(request, copies)

    methods = {
        "unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request, deserialize, serialize),
        "clientStreaming": grpc.stream_unary_rpc_method_handler(
            lambda requests, _: digest(requests), deserialize, serialize
        ),
        "serverStreaming": grpc.unary_stream_rpc_method_handler(download, deserialize, serialize),
        "bidi": grpc.stream_stream_rpc_method_handler(lambda requests, _: requests, deserialize, serialize),
    }
    threads = concurrent.futures.ThreadPoolExecutor(64)
    server = grpc.server(threads, options=OPTIONS, compression=COMPRESSION[plan["encoding"]])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("interop.Echo", methods)])
    print_json({"port": server.add_insecure_port("127.0.0.1:0")})
    server.start()
    sys.stdin.read()
    server.stop(grace=5).wait()
    return {}


class Client:
    """The four kinds of call, each from requests to replies and what they ought to be."""

    def __init__(self, channel):
        def method(make, kind):
            return make(f"/interop.Echo/{kind}", serialize, deserialize)

        self.call_unary = method(channel.unary_unary, "unary")
        self.call_upload = method(channel.stream_unary, "clientStreaming")
        self.call_download = method(channel.unary_stream, "serverStreaming")
        self.call_bidi = method(channel.stream_stream, "bidi")

    def unary(self, requests):
        return [self.call_unary(request) for request in requests], requests

    def clientStreaming(self, requests):
        return [self.call_upload(iter(requests))], [digest(requests)]

    def serverStreaming(self, requests):
        """Of each length one message is sent, and comes back as often as there are some."""
        replies, expected = [], []
        for length, copies in collections.Counter(map(len, requests)).items():
            request = next(request for request in requests if len(request) == length)
            replies += self.call_download(request, metadata=[("copies", str(copies))])
            expected += [request] * copies
        return replies, expected

    def bidi(self, requests):
        return list(self.call_bidi(iter(requests))), requests


def call(plan):
    address = f"127.0.0.1:{plan['port']}"
    lanes = plan["lanes"]
    report = {}
    with grpc.insecure_channel(address, OPTIONS, COMPRESSION[plan["encoding"]]) as channel:
        client = Client(channel)
        if "cancel" in plan:
            report["outcomes"] = abuse(client, plan["cancel"], plan["limit"])

        def run(lane):
            requests = [message_of(lane, index, length) for index, length in enumerate(lanes[lane])]
            try:
                replies, expected = getattr(client, plan["kind"])(requests)
            except grpc.RpcError as error:
                return [f"lane {lane}: {error.code()} {error.details()}"]
            problems = [] if len(replies) == len(expected) else [f"{len(replies)} replies of {len(expected)}"]
            for i, (reply, wanted) in enumerate(zip(replies, expected)):
                if reply != wanted:
                    problems.append(f"reply {i} of lane {lane}, {len(reply)} bytes")
            return problems

        with concurrent.futures.ThreadPoolExecutor(len(lanes)) as threads:
            report["problems"] = sum(threads.map(run, range(len(lanes))), [])
    return report


def abuse(client, cancel, limit):
    """Ends calls in ways that peers do; each is to end with its status, and nothing else is to notice."""

    def endless(lane):
        return (message_of(lane, index, 100_000 if index % 4 == 3 else 1_000) for index in itertools.count())

    def cancelled(lane):
        stream = client.call_bidi(endless(lane))
        for _ in range(1 + lane % 5):
            next(stream)
        stream.cancel()
        return stream.code()

    def expired():
        stream = client.call_bidi(endless(cancel), timeout=1)
        try:
            collections.deque(stream, maxlen=0)
        except grpc.RpcError:
            pass
        return stream.code()

    def too_long():
        try:
            client.call_unary(message_of(0, 1, limit + 1))
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    with concurrent.futures.ThreadPoolExecutor(cancel + 2) as threads:
        calls = [threads.submit(cancelled, lane) for lane in range(cancel)]
        calls += [threads.submit(expired), threads.submit(too_long)]
        return collections.Counter(call.result().name for call in calls)


def print_json(line):
    print(json.dumps(line), flush=True)


mode, plan = sys.argv[1], json.loads(sys.argv[2])
report = (serve if mode == "serve" else call)(plan)
print_json({**report, "sent": sent, "received": received})
