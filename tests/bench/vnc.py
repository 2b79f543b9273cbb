#!/usr/bin/env python3
"""VNC servers side by side: bytes, CPU, latency and frames for the same guest pictures.

usage: vnc.py [--build DIR] [--rounds N] [--idle SECONDS] [--check] [--quick] [--emu NAME=COMMAND ...] [--json FILE]

The guest (vnc/guest.c) shows a scene or a letter for each key, or frames as fast as it goes; the
viewer (vnc/viewer.c) sends the keys, counts what arrives and decodes nothing; vnc/client.c, on
libvncclient, compares each scene bit by bit where that is asked for. Emulators alternate: A B, B A. Times of CPU are
of "encode": the threads that do nothing else (vnc_worker, vnc-encode), and "display": all threads
but the vCPU's.
"""
import argparse
import glob
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

GUEST = "-m 256 -vga std -nodefaults -no-reboot -monitor none"
PORTS = range(5970, 6100)
# encoding, level, quality (-1: lossless)
SCENES = [("tight", 9, -1), ("tight", 2, -1), ("tight", 2, 6), ("zrle", 9, -1), ("zrle", 2, -1),
          ("hextile", 9, -1), ("raw", 9, -1)]
LETTERS = [("tight", 2, -1), ("zrle", 2, -1), ("raw", 9, -1)]
FRAMES = [("tight", 2, -1), ("tight", 2, 6), ("zrle", 2, -1), ("hextile", 9, -1), ("raw", 9, -1)]


def percentile(values, part):
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def title(encoding, level, quality):
    if encoding in ("raw", "hextile"):
        return encoding
    return f"{encoding} {level}" + (f" JPEG {quality}" if quality >= 0 else "")


def free_port():
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    sys.exit(f"no port of {PORTS.start} to {PORTS.stop - 1} is free")


def thread_cpu(pid):
    """Names of threads and ms of CPU that each has had."""
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(task + "/comm") as f:
                name = f.read().strip()
            with open(task + "/schedstat") as f:
                yield name, int(f.read().split()[0]) / 1e6
        except FileNotFoundError:
            pass


class Emulator:
    def __init__(self, build, command, guest=True, serial="null"):
        self.port = free_port()
        args = command.split() + GUEST.split() + ["-vnc", f"127.0.0.1:{self.port - 5900}", "-serial", serial]
        if guest:
            args += ["-kernel", f"{build}/tests/bench/vnc/guest.img"]
        if "qemu" in command:
            args += ["-display", "none", "-name", "bench,debug-threads=on"]
        self.build, self.name = build, args[0]
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        time.sleep(4)  # the pictures are drawn
        if self.process.poll() is not None:
            sys.exit(f"{self.name} ended: {self.process.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu_ms(self):
        encode = display = 0
        for name, ms in thread_cpu(self.process.pid):
            if not re.match(r"CPU \d|vemu-cpu", name):
                display += ms
            if re.match(r"vnc_worker|vnc-encode", name):
                encode += ms
        return encode, display

    def run(self, program, *words):
        """What the program printed."""
        out = subprocess.run([f"{self.build}/tests/bench/vnc/{program}", *map(str, words)],
                             capture_output=True, text=True, timeout=300)
        if out.returncode != 0:
            self.process.kill()
            sys.exit(f"{self.name}: {program} {words}: {out.stderr}{self.process.stderr.read()}")
        return out.stdout.splitlines()

    def view(self, combination, *words):
        """What a viewer printed, and the CPU that it took meanwhile."""
        before = self.cpu_ms()
        lines = self.run("viewer", self.port, *combination, *words)
        after = self.cpu_ms()
        return lines, after[0] - before[0], after[1] - before[1]


def frames(result, emulator, key, mode, combination, seconds):
    lines, encode, display = emulator.view(combination, mode, seconds)
    if not lines:
        return  # it has no continuous updates
    _, updates, took, _, pixels = lines[0].split()
    # An update may be a part of the screen.
    full = int(pixels) / (1024 * 768)
    result[f"{key}, frames/s"] = full / float(took)
    result[f"{key}, encode ms a frame"] = encode / full if full else 0


def measure(build, command, idle, check, quick):
    result = {}
    with Emulator(build, command) as emulator:
        for combination in (SCENES[1:2] if quick else SCENES):
            key = "scenes, " + title(*combination)
            lines, encode, display = emulator.view(combination, "scenes")
            values = [[float(v) for v in line.split()[1:]] for line in lines]
            result[f"{key}: kB"] = sum(v[0] for v in values) / 1000
            result[f"{key}: encode ms"] = encode
            result[f"{key}: display ms"] = display
            result[f"{key}: key to whole picture, median ms"] = statistics.median(v[2] for v in values)
        for combination in LETTERS:
            key = "letters, " + title(*combination)
            lines, _, _ = emulator.view(combination, "letters", 25)
            ms = [float(line.split()[2]) for line in lines]
            result[f"{key}: key to update, median ms"] = statistics.median(ms)
            result[f"{key}: key to update, 90 % ms"] = percentile(ms, 0.9)
        for combination in FRAMES:
            frames(result, emulator, "requests, " + title(*combination), "frames", combination, 2)
        for combination in FRAMES[:1]:
            frames(result, emulator, "continuous, " + title(*combination), "continuous", combination, 2)
        if idle:
            _, _, display = emulator.view(LETTERS[0], "idle", idle)
            result[f"graphics, idle for {idle} s: display ms"] = display
        if check:
            for encoding, level, _ in [c for c in SCENES if c[2] < 0]:
                lines = emulator.run("client", "127.0.0.1", emulator.port, encoding, level)
                wrong = [line for line in lines if not line.endswith(" same")]
                if wrong or len(lines) != 14:
                    sys.exit(f"{command}: {encoding}: wrong pictures: {wrong}")
    if idle:
        with Emulator(build, command, guest=False) as emulator:  # the firmware's text, and its cursor
            time.sleep(5)
            _, _, display = emulator.view(LETTERS[0], "idle", idle)
            result[f"text, idle for {idle} s: display ms"] = display
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="compare pictures, in the first round")
    parser.add_argument("--quick", action="store_true", help="scenes in one encoding only")
    parser.add_argument("--emu", action="append")
    parser.add_argument("--json")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    emulators = [e.split("=", 1) for e in args.emu or [
        "qemu=qemu-system-x86_64 -accel tcg", f"vemu={build}/vemu-system-x86_64"]]
    results = {name: [] for name, _ in emulators}
    for i in range(args.rounds):
        for name, command in emulators if i % 2 == 0 else reversed(emulators):
            first = i == 0
            results[name].append(measure(build, command, args.idle if first else 0,
                                         first and args.check, args.quick))
    names = [name for name, _ in emulators]
    print("| figure | " + " | ".join(names) + " | ratio |")
    print("|---|" + "--:|" * (len(names) + 1))
    for key in sorted({k for n in names for k in results[n][0]},
                      key=lambda k: list(results[names[-1]][0]).index(k)):
        values = [statistics.median(r[key] for r in results[n] if key in r)
                  if key in results[n][0] else None for n in names]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else "-"
        print(f"| {key} | " + " | ".join("-" if v is None else f"{v:,.1f}" for v in values) + f" | {ratio} |")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
