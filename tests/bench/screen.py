#!/usr/bin/env python3
"""What it costs to be watched: CPU time of threads, with and without a VNC viewer that takes all it
gets.

    screen.py fill PROGRAM...   a guest that fills the screen of a standard VGA (fill.S), in turn
    screen.py idle PROGRAM...   SeaBIOS' text screen, all programs side by side for a minute

PROGRAM is vemu-system-x86_64 or qemu-system-x86_64. CPU time is the kernel's (schedstat), so that a
busy host disturbs it little.
"""
import argparse
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'cli'))
import rfb  # noqa: E402

PORT = 6160


class Viewer(threading.Thread):
    """RFB 3.8, ZRLE or raw, new sizes; what comes is thrown away."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.updates = port, 0

    def run(self):
        try:
            self.watch()
        except (OSError, EOFError, struct.error, IndexError):
            pass  # the machine has ended

    def connect(self):
        for _ in range(200):
            try:
                return socket.create_connection(('127.0.0.1', self.port))
            except OSError:
                time.sleep(.05)
        raise OSError('nobody listens')

    def watch(self):
        s = self.connect()
        viewer = rfb.Viewer(s)
        width, height = viewer.width, viewer.height
        s.settimeout(None)
        f = s.makefile('rb')
        s.sendall(struct.pack('>BxHii', 2, 2, 16, -223))
        incremental = 0
        while True:
            s.sendall(struct.pack('>BBHHHH', 3, incremental, 0, 0, width, height))
            incremental = 1
            if f.read(1)[0] != 0:
                continue
            for _ in range(struct.unpack('>xH', f.read(3))[0]):
                _, _, w, h, encoding = struct.unpack('>HHHHi', f.read(12))
                if encoding == -223:
                    width, height, incremental = w, h, 0
                elif encoding == 16:
                    f.read(struct.unpack('>I', f.read(4))[0])
                else:
                    f.read(w * h * 4)
            self.updates += 1


def cpu(pid, seen):
    """Milliseconds by thread; threads that have ended stay as they were seen last."""
    for t in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{t}/comm') as f:
                name = f.read().strip()
            with open(f'/proc/{pid}/task/{t}/schedstat') as f:
                seen[(name, t)] = int(f.read().split()[0]) / 1e6
        except OSError:
            pass
    return dict(seen)


def start(program, port, *options):
    return subprocess.Popen(
        [program, '-M', 'pc', '-m', '64', '-vga', 'std', '-net', 'none', '-serial', 'null', '-monitor', 'none',
         '-accel', 'tcg', '-vnc', f'127.0.0.1:{port - 5900}', *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def show(program, watched, threads, updates):
    parts = sorted(((ms, name) for (name, _), ms in threads.items() if ms >= 1), reverse=True)[:5]
    print(f'{program}, {"watched" if watched else "alone"}: {sum(threads.values()):.0f} ms,',
          f'{updates} updates;', ', '.join(f'{name} {ms:.0f}' for ms, name in parts), flush=True)


def fill(programs, frames, rounds):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fill.S')
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['gcc', '-m32', '-c', f'-DFRAMES={frames}', source, '-o', f'{d}/fill.o'], check=True)
        subprocess.run(['ld', '-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', f'{d}/disk',
                        f'{d}/fill.o'], check=True)
        os.truncate(f'{d}/disk', 1 << 20)
        for _ in range(rounds):
            for watched in (False, True):
                for program in programs:
                    p = start(program, PORT, '-device', 'isa-debug-exit', '-drive',
                              f'file={d}/disk,format=raw')
                    viewer = Viewer(PORT)
                    if watched:
                        viewer.start()
                    threads = {}
                    while p.poll() is None:
                        try:
                            cpu(p.pid, threads)
                        except OSError:
                            break
                        time.sleep(.02)
                    p.wait()
                    show(program, watched, threads, viewer.updates)


def idle(programs, seconds):
    for watched in (True, False):
        runs = []
        for n, program in enumerate(programs):
            viewer = Viewer(PORT + n)
            runs.append((program, start(program, PORT + n), viewer))
            if watched:
                viewer.start()
        time.sleep(15)  # SeaBIOS has given up
        before = [(cpu(p.pid, {}), v.updates) for _, p, v in runs]
        time.sleep(seconds)
        for (program, p, viewer), (threads, updates) in zip(runs, before):
            after = cpu(p.pid, {})
            show(program, watched, {k: ms - threads.get(k, 0) for k, ms in after.items()},
                 viewer.updates - updates)
            p.kill()
            p.wait()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('what', choices=('fill', 'idle'))
    a.add_argument('programs', nargs='+', metavar='PROGRAM')
    a.add_argument('--frames', type=int, default=600)
    a.add_argument('--rounds', type=int, default=3)
    a.add_argument('--seconds', type=float, default=60)
    o = a.parse_args()
    if o.what == 'fill':
        fill(o.programs, o.frames, o.rounds)
    else:
        idle(o.programs, o.seconds)


if __name__ == '__main__':
    main()
