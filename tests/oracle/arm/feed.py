#!/usr/bin/env python3
"""feed.py JOBS TAKEN RESULTS COMMAND...: run sequences (struct arm_job of state.h, and words) by COMMAND.

What COMMAND dies of, because the implementation there takes an unpredictable instruction for an
undefined one, is left out: TAKEN has the jobs that came to their end, RESULTS what came out.
"""
import struct
import subprocess
import sys

RESULT = 8 * (31 + 4 + 64 + 1)


def read_jobs(data):
    jobs, at = [], 0
    while at < len(data):
        count = struct.unpack_from("<II", data, at)[1]
        jobs.append(data[at : at + 8 + 4 * count])
        at += 8 + 4 * count
    return jobs


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as f:
        jobs = read_jobs(f.read())
    dropped = 0
    with open(sys.argv[2], "wb") as taken, open(sys.argv[3], "wb") as results:
        while jobs:
            out = subprocess.run(sys.argv[4:], input=b"".join(jobs[:200]), stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, check=False).stdout
            good = len(out) // RESULT
            results.write(out[: good * RESULT])
            taken.write(b"".join(jobs[:good]))
            died = good < len(jobs[:200])
            dropped += died
            del jobs[: good + died]
    print(f"{dropped} sequences were left out", file=sys.stderr)


main()
