#!/usr/bin/env python3
"""Ways out of a guest under KVM, and the start to firmware's first byte, side by side.

usage: kvm.py [--build DIR] [--rounds N] [--emu NAME=COMMAND ...] [--json FILE]

The guest (kvm/guest.c) prints the ticks of its TSC that the fastest unit of each loop took; how many of
them a second has is seen from when it begins and ends. SeaBIOS' first byte is that on its debug port.
Emulators alternate: A B, B A; the figures are medians of the runs, ratios are of the first emulator to
the last one.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

GUEST = ("-M pc -m 128 -display none -nodefaults -no-reboot -serial stdio "
         "-device isa-debug-exit,iobase=0x501,iosize=2 "
         "-vga std -object rng-builtin,id=r -device virtio-rng-pci,rng=r,disable-legacy=on -kernel").split()
FIRMWARE = ("-M pc -m 128 -display none -nodefaults -chardev stdio,id=d "
            "-device isa-debugcon,iobase=0x402,chardev=d").split()
STARTS = 5  # of firmware, a round


def start(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)


def measure_guest(emulator, image, timeout):
    """Times a second by name."""
    ticks, begun, rate = {}, None, None
    with start(["timeout", str(timeout)] + emulator + GUEST + [image]) as process:
        for line in process.stdout:
            now = time.monotonic()
            words = line.decode(errors="replace").split()
            if words[:1] == ["begin"]:
                begun = now, int(words[1], 16)
            elif words[:1] == ["end"]:
                rate = (int(words[1], 16) - begun[1]) / (now - begun[0])
            elif words[-1:] == ["ticks"]:
                ticks[words[0]] = int(words[3]) / int(words[1])
            elif words[:1] == ["Bail"]:
                sys.exit(f"{emulator[0]}: {line.decode()}")
    if not rate:
        sys.exit(f"{emulator[0]}: the guest did not come to its end")
    return {name: rate / per for name, per in ticks.items()}


def measure_start(emulator):
    """Milliseconds from the command to firmware's first byte."""
    begun = time.monotonic()
    with start(emulator + FIRMWARE) as process:
        byte = process.stdout.read(1)
        took = time.monotonic() - begun
        process.kill()
    if not byte:
        sys.exit(f"{emulator[0]}: firmware said nothing")
    return took * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=".")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timeout", type=int, default=120, help="of one run, in seconds")
    parser.add_argument("--emu", action="append", metavar="NAME=COMMAND")
    parser.add_argument("--json")
    args = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        sys.exit("kvm.py: there is no usable /dev/kvm here")
    emus = [e.split("=", 1) for e in args.emu or
            [f"vemu={args.build}/vemu-system-x86_64 -accel kvm", "qemu=qemu-system-x86_64 -accel kvm"]]
    image = os.path.join(args.build, "tests/bench/kvm/guest.img")
    values = {name: {} for name, _ in emus}
    for n in range(args.rounds):
        for name, command in emus if n % 2 == 0 else emus[::-1]:
            into = values[name]
            for key, rate in measure_guest(command.split(), image, args.timeout).items():
                into.setdefault(key, []).append(rate)
            into.setdefault("first_byte_ms", []).extend(
                measure_start(command.split()) for _ in range(STARTS))
    names = [name for name, _ in emus]
    print(f"| | {' | '.join(names)} | ratio | spread |\n|---|{'---:|' * (len(names) + 2)}")
    for key in values[names[0]]:
        medians = [statistics.median(values[n][key]) for n in names]
        spread = max((max(v) - min(v)) / statistics.median(v) for v in (values[n][key] for n in names))
        print(f"| {key} | {' | '.join(f'{m:.4g}' for m in medians)} | {medians[0] / medians[-1]:.2f} | "
              f"{100 * spread:.0f} % |")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(values, f, indent=1)


if __name__ == "__main__":
    main()
