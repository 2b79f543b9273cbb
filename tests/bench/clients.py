#!/usr/bin/env python3
"""What many viewers cost the guest that they watch.

usage: clients.py [--build DIR] [--rounds N] [--seconds N] [--quick N] [--slow N] [--emu NAME=COMMAND ...] [--json FILE]

The guest (vnc/guest.c) computes beside a picture that changes 20 times a second, and tells each
second what it got done; phases without and with viewers (vnc/crowd.c) alternate. "Guest speed" is
the median of a phase; a round's ratio is its phase with viewers against the ones around it.
"""
import argparse
import json
import os
import statistics
import sys
import threading
import time

from vnc import Emulator, thread_cpu


class Machine(Emulator):
    def __init__(self, build, command):
        super().__init__(build, command, serial="stdio")
        self.work = []
        threading.Thread(target=self.listen, daemon=True).start()
        self.run("viewer", self.port, "raw", 0, -1, "work")
        time.sleep(3)

    def listen(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 2 and words[0] == "work":
                self.work.append(int(words[1]))

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

    def cpu_s(self):
        """Seconds of CPU by threads' names."""
        cpu = {}
        for name, ms in thread_cpu(self.process.pid):
            cpu[name] = cpu.get(name, 0) + ms / 1000
        return cpu

    def phase(self, seconds, quick=0, slow=0):
        """Guest speed, RSS each second, CPU, and what the viewers say."""
        said, rss, thread = [], [], None
        if quick + slow:
            thread = threading.Thread(target=lambda: said.extend(
                self.run("crowd", self.port, quick, slow, seconds + 2)[0].split()))
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
