#!/usr/bin/env python3
"""What many viewers cost the guest that they watch.

usage: clients.py [--build DIR] [--rounds N] [--seconds N] [--quick N] [--slow N] [--emu NAME=COMMAND ...] [--json FILE]

The guest (vnc/guest.c) computes beside a picture that changes 20 times a second, and tells each
second what it got done; phases without and with viewers (vnc/crowd.c) alternate. "Guest speed" is
the median of a phase; a round's ratio is its phase with viewers against the ones around it.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import threading
import time

PORT = 5978
GUEST = "-m 256 -vga std -nodefaults -no-reboot -serial stdio -monitor none"


class Machine:
    def __init__(self, build, command):
        args = command.split() + GUEST.split() + [
            "-kernel", f"{build}/tests/bench/vnc/guest.img", "-vnc", f"127.0.0.1:{PORT - 5900}"]
        if "qemu" in args[0]:
            args += ["-display", "none", "-name", "bench,debug-threads=on"]
        self.build, self.name = build, args[0]
        self.work, self.peak = [], 0
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, daemon=True).start()
        time.sleep(5)
        self.program("viewer", PORT, "raw", 0, -1, "work")
        time.sleep(3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def listen(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 2 and words[0] == "work":
                self.work.append(int(words[1]))

    def program(self, program, *words):
        out = subprocess.run([f"{self.build}/tests/bench/vnc/{program}", *map(str, words)],
                             capture_output=True, text=True)
        if out.returncode != 0:
            self.process.kill()
            sys.exit(f"{self.name}: {program}: {out.stderr}{self.process.stderr.read()}")
        return out.stdout.split()

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

    def cpu_s(self):
        """Seconds of CPU by threads' names, numbers left out."""
        cpu = {}
        for task in glob.glob(f"/proc/{self.process.pid}/task/*"):
            try:
                with open(task + "/comm") as f:
                    name = f.read().strip()
                with open(task + "/schedstat") as f:
                    cpu[name] = cpu.get(name, 0) + int(f.read().split()[0]) / 1e9
            except FileNotFoundError:
                pass
        return cpu

    def phase(self, seconds, quick=0, slow=0):
        """Guest speed, RSS each second, CPU, and what the viewers say."""
        said, rss, thread = [], [], None
        if quick + slow:
            thread = threading.Thread(target=lambda: said.extend(
                self.program("crowd", PORT, quick, slow, seconds + 2)))
            thread.start()
            time.sleep(1)
        before, cpu = len(self.work), self.cpu_s()
        for _ in range(seconds):
            time.sleep(1)
            rss.append(self.rss_mb())
        after, cpu_after = len(self.work), self.cpu_s()
        if thread:
            thread.join()
            time.sleep(1)
        if after - before < 2:
            self.process.kill()
            sys.exit(f"{self.name}: the guest stands still")
        used = {k: (v - cpu.get(k, 0)) / seconds for k, v in cpu_after.items()}
        return {"speed": statistics.median(self.work[before:after]), "rss": rss, "said": said,
                "cpu": {k: round(v, 3) for k, v in used.items() if v > 0.005}}


def measure(build, command, args):
    with Machine(build, command) as machine:
        phases = [machine.phase(args.seconds)]
        for _ in range(args.rounds):
            phases.append(machine.phase(args.seconds, args.quick, args.slow))
            phases.append(machine.phase(args.seconds))
        return phases


def report(name, phases, args):
    rounds = []
    for i in range(1, len(phases), 2):
        alone = (phases[i - 1]["speed"] + phases[i + 1]["speed"]) / 2
        rounds.append(phases[i]["speed"] / alone)
    crowds = phases[1::2]
    updates = statistics.median(int(p["said"][1]) for p in crowds) / (args.seconds + 2)
    least = min(int(p["said"][2]) for p in crowds)
    rss = [max(p["rss"]) for p in phases]
    print(f"| {name} | {statistics.median(rounds):.3f} | {min(rounds):.3f} to {max(rounds):.3f} | "
          f"{rss[0]:.0f} | " + ", ".join(f"{v:.0f}" for v in rss[1::2]) + f" | {rss[-1]:.0f} | {updates:.0f} | {least} |")
    print(f"<!-- {name}, CPU in seconds a second: alone {phases[0]['cpu']}, with viewers {crowds[-1]['cpu']} -->")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--quick", type=int, default=25)
    parser.add_argument("--slow", type=int, default=25)
    parser.add_argument("--emu", action="append")
    parser.add_argument("--json")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    emulators = [e.split("=", 1) for e in args.emu or [
        "qemu=qemu-system-x86_64 -accel tcg", f"vemu={build}/vemu-system-x86_64"]]
    results = {name: measure(build, command, args) for name, command in emulators}
    print("| | guest speed with viewers / without | rounds | RSS MB before | with viewers, peak | after | "
          "updates/s | fewest of a viewer |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, _ in emulators:
        report(name, results[name], args)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
