#!/usr/bin/env python3
"""Load on a server: N clients that ask for translations one after the other, each on a connection of its own.

    monge serve MODELS --port 8800 &
    bench/serve/load.py http://127.0.0.1:8800 --model NAME [--clients 32] [--seconds 60]
    bench/serve/load.py --compare build/release/monge MODELS --model NAME

The first form loads a running server. The second starts the program with --batch 1 and then with --batch 32, with
`--threads` of it and otherwise its defaults, and prints both. Each request has another input and another seed. Prints
requests, errors (any answer but 200), requests per second, the median and the 99th percentile of the seconds of a
request, and the resident memory of the server before, after a first second, and at the end.
"""
import argparse
import collections
import http.client
import json
import random
import re
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib


def png(width, height, channels, seed):
    """A PNG file of random pixels."""
    pick = random.Random(seed)
    rows = b"".join(b"\0" + pick.randbytes(width * channels) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def npy(rows, dim, seed):
    """A .npy file of random rows."""
    pick = random.Random(seed)
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}"
    header += " " * ((64 - (11 + len(header)) % 64) % 64) + "\n"
    values = [pick.gauss(0, 1) for _ in range(rows * dim)]
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}f", *values)


def body_of(model, seed):
    """An input for a model."""
    about = model["input"]
    if about["kind"] == "vector":
        return npy(16, about["dim"], seed)
    return png(about["width"] or 32, about["height"] or 32, about["channels"], seed)


class Load:
    def __init__(self, url, model, clients, seconds):
        self.address = urllib.parse.urlsplit(url)
        self.model, self.clients, self.seconds = model, clients, seconds
        self.times, self.statuses, self.guard = [], collections.Counter(), threading.Lock()

    def connection(self):
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=120)

    def get(self, path):
        connection = self.connection()
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def resident(self):
        return float(re.search(r"^monge_resident_bytes (\S+)", self.get("/metrics"), re.M)[1]) / 2**20

    def client(self, number, end):
        bodies = [body_of(self.about, number * 100 + k) for k in range(8)]
        connection, count, times, statuses = self.connection(), 0, [], collections.Counter()
        while time.monotonic() < end:
            begin = time.monotonic()
            path = f"/v1/translate?model={urllib.parse.quote(self.model)}&seed={number * 100000 + count}"
            try:
                connection.request("POST", path, bodies[count % len(bodies)])
                answer = connection.getresponse()
                answer.read()
                statuses[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                statuses[type(error).__name__] += 1
                connection.close()
                connection = self.connection()
            times.append(time.monotonic() - begin)
            count += 1
        with self.guard:
            self.times += times
            self.statuses += statuses

    def run(self):
        self.about = json.loads(self.get("/v1/models/" + urllib.parse.quote(self.model)))
        if "input" not in self.about:
            raise SystemExit(f"{self.model} cannot be used: {self.about.get('error', self.about)}")
        memory = [self.resident()]
        end = time.monotonic() + self.seconds
        threads = [threading.Thread(target=self.client, args=(i, end)) for i in range(self.clients)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        memory.append(self.resident())
        for thread in threads:
            thread.join()
        memory.append(self.resident())
        times = sorted(self.times)
        errors = sum(count for status, count in self.statuses.items() if status != 200)
        requests, batch = self.batches()
        print(f"clients {self.clients}, seconds {self.seconds}, requests {len(times)}, errors {errors} {dict(self.statuses)}")
        print(f"requests per second {len(times) / self.seconds:.1f}, median {times[len(times) // 2] * 1e3:.1f} ms, "
              f"99 % {times[int(len(times) * .99)] * 1e3:.1f} ms, requests per batch {requests / max(batch, 1):.1f}")
        print("resident MiB before, after 1 s, at the end: " + ", ".join(f"{value:.1f}" for value in memory), flush=True)
        return errors

    def batches(self):
        text = self.get("/metrics")
        value = lambda name: float(re.search(rf"^{name} (\S+)", text, re.M)[1])
        return value("monge_batch_requests_sum"), value("monge_batch_requests_count")


def compare(options):
    errors = 0
    for batch in (1, 32):
        command = [options.compare, "serve", options.target, "--port", "0", "--json", "--quiet", "--batch", str(batch)]
        if options.threads:
            command += ["--threads", str(options.threads)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                url = json.loads(server.stdout.readline())["url"]
                print(f"--batch {batch}", flush=True)
                errors += Load(url, options.model, options.clients, options.seconds).run()
            finally:
                server.terminate()
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="address of a server; with --compare the models to serve")
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--compare", metavar="MONGE", help="the program: start it with --batch 1 and with --batch 32")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    errors = compare(options) if options.compare else Load(options.target, options.model, options.clients, options.seconds).run()
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
