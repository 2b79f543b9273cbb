#!/usr/bin/env python3
"""VNC servers side by side: bytes, encoder CPU, latency and frames for the same guest pictures.

usage: vnc.py [--build DIR] [--rounds N] [--emu NAME=COMMAND ...] [--json FILE]

The guest (vnc/guest.c) shows a scene for each key; the client (vnc/client.c, on libvncclient) sends
the keys, counts what arrives and compares the picture bit by bit. Emulators alternate: A B, B A.
"Encoder CPU" is the time of the threads that encode (vnc_worker, vnc-*), over all scenes.
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import time

PORT = 5977
COMBINATIONS = [("tight", 9), ("tight", 2), ("zrle", 9), ("zrle", 2), ("hextile", 9)]
GUEST = "-m 256 -vga std -nodefaults -no-reboot -serial null -monitor none"


def encoder_ns(pid):
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(task + "/comm") as f:
                name = f.read().strip()
            if re.match(r"vnc[-_]", name):
                with open(task + "/schedstat") as f:
                    total += int(f.read().split()[0])
        except FileNotFoundError:
            pass
    return total


def run(build, command, encoding, level, mode, n):
    args = command.split() + GUEST.split() + [
        "-kernel", f"{build}/tests/bench/vnc/guest.img", "-vnc", f"127.0.0.1:{PORT - 5900}"]
    if "qemu" in args[0]:
        args += ["-display", "none", "-name", "bench,debug-threads=on"]
    emulator = subprocess.Popen(args, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        time.sleep(4)  # the first picture is drawn
        before = encoder_ns(emulator.pid)
        out = subprocess.run(
            [f"{build}/tests/bench/vnc/client", "127.0.0.1", str(PORT), encoding, str(level), "-1",
             mode, str(n)], capture_output=True, text=True, timeout=300)
        cpu = (encoder_ns(emulator.pid) - before) / 1e6
    finally:
        emulator.kill()
        emulator.wait()
    if out.returncode != 0 or not out.stdout:
        sys.exit(f"{args[0]}: the client failed: {out.stderr}{emulator.stderr.read().decode()}")
    return out.stdout.splitlines(), cpu


def measure(build, command):
    result = {}
    for encoding, level in COMBINATIONS:
        lines, cpu = run(build, command, encoding, level, "scenes", 1)
        scenes = [re.match(r"(.*\S)\s+(\d+)\s+([\d.]+)\s+([\d.]+) (same|differs)$", x).groups()
                  for x in lines]
        wrong = [s[0] for s in scenes if s[4] != "same"]
        if wrong:
            sys.exit(f"{command}: {encoding}: wrong pictures: {wrong}")
        key = f"{encoding} {level}"
        result[key + " bytes"] = sum(int(s[1]) for s in scenes)
        result[key + " encoder ms"] = cpu
        result[key + " key to update ms"] = statistics.median(float(s[2]) for s in scenes)
        result[key + " scenes"] = {s[0]: int(s[1]) for s in scenes}
        lines, _ = run(build, command, encoding, level, "frames", 3)
        count, seconds, _ = lines[-1].split()[1:]
        result[key + " frames/s"] = int(count) / float(seconds)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=".")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--emu", action="append")
    parser.add_argument("--json")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    emulators = [e.split("=", 1) for e in args.emu or [
        "qemu=qemu-system-x86_64 -accel tcg", f"vemu={build}/vemu-system-x86_64"]]
    results = {name: [] for name, _ in emulators}
    for i in range(args.rounds):
        for name, command in emulators if i % 2 == 0 else reversed(emulators):
            results[name].append(measure(build, command))
    names = [name for name, _ in emulators]
    print("| figure | " + " | ".join(names) + " | ratio |")
    print("|---|" + "--:|" * (len(names) + 1))
    for key in results[names[0]][0]:
        if key.endswith("scenes"):
            continue
        values = [statistics.median(r[key] for r in results[n]) for n in names]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else "-"
        print(f"| {key} | " + " | ".join(f"{v:,.1f}" for v in values) + f" | {ratio} |")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
