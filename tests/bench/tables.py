#!/usr/bin/env python3
"""Every table of docs/performance.md, one after the other.

  tables.py --guests DIR --out DIR [--quick] [--rounds N] [--tables NAME,...] [--scale X]

Writes OUT/results/NAME.json and NAME.md, and all of them in OUT/results/report.md.  --quick: the
amd64 and i386 tables alone, in two rounds.  `qemu64` and `qmax` are Debian's QEMU with these CPU
models, `vemu` has `max`; vemu is compared with whichever is faster, kernel by kernel. Arm guests have a
cortex-a57 on both sides.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import run as gb  # noqa: E402


def emulators(opt):
    return {
        "qemu64": "%s -accel tcg -cpu qemu64" % opt.qemu,
        "qmax": "%s -accel tcg -cpu max" % opt.qemu,
        "vemu": "%s -accel tcg -cpu max" % opt.vemu,
        "1 tier": "%s -accel tcg,tier2=off -cpu max" % opt.vemu,
        "2 tiers": "%s -accel tcg -cpu max" % opt.vemu,
        "qemu a57": "%s -accel tcg -cpu cortex-a57" % opt.qemu_arm,
        "vemu a57": "%s -accel tcg -cpu cortex-a57" % opt.vemu_arm,
    }


TIER2_GROUPS = ("int", "fp", "flow")
# name: (title, emulators, arguments of run.py)
TABLES = {
    "amd64": ("amd64", "qemu64,qmax,vemu", "--guest amd64 --fastest"),
    "i386": ("i386, page-table isolation on", "qemu64,qmax,vemu",
             "--guest i386 --append pti=on --fastest"),
    "amd64v3": ("amd64 with AVX2 and FMA", "qmax,vemu", "--guest amd64v3"),
    "arm64": ("arm64", "qemu a57,vemu a57", "--guest arm64"),
    "armhf": ("AArch32 programs under the arm64 kernel", "qemu a57,vemu a57", "--guest armhf"),
    "programs": ("programs of Debian, not written for this", "qemu64,qmax,vemu",
                 "--guest programs --mem 1024 --fastest"),
    "smp1": ("smp_scale, 1 vCPU", "qmax,vemu", "--guest amd64 --gb smp_scale"),
    "smp2": ("smp_scale, 2 vCPUs", "qmax,vemu", "--guest amd64 --gb smp_scale --smp 2"),
    "tier2off": ("the second tier switched off", "1 tier,2 tiers", "--guest amd64 --gb " +
                 ",".join(" ".join(gb.GROUPS[g] for g in TIER2_GROUPS).split())),
}


def run_table(opt, name):
    title, emus, args = TABLES[name]
    commands = emulators(opt)
    argv = [sys.executable, os.path.join(here, "run.py"), "--guests", opt.guests, "--out", opt.out,
            "--rounds", str(opt.rounds), "--gbs", "%g" % opt.scale, "--stat", opt.stat,
            "--json", os.path.join(opt.results, name + ".json")] + shlex.split(args)
    for e in emus.split(","):
        argv += ["--emu", "%s=%s" % (e, commands[e])]
    if opt.floor and {"vemu", "vemu a57"} & set(emus.split(",")):
        argv += ["--floor", "%g" % opt.floor]
    p = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    return "## %s\n\n%d rounds\n\n%s" % (title, opt.rounds, p.stdout), p.returncode == 0


def run_start(opt, name):
    """Start to the first guest instruction; resident memory of an idle guest."""
    commands = emulators(opt)
    argv = [sys.executable, os.path.join(here, "io.py"), "--guests", opt.guests, "--out", opt.out,
            "--tests", "first,idle", "--rounds", str(opt.rounds), "--json",
            os.path.join(opt.results, name + ".json")]
    for e in ("qmax", "vemu"):
        argv += ["--emu", "%s=%s" % (e, commands[e])]
    p = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    return "## Start and resident memory\n\n%d rounds\n\n%s" % (opt.rounds, p.stdout), p.returncode == 0


def run_counters(opt, name):
    """Shares of the second tier: a run of each group less a boot; figures of the first tier."""
    class run_opt:
        guests, out, gbx, mem, smp, append = opt.guests, opt.out, "", 512, 1, ""
        gbs = 10 * opt.scale        # long against the second that regions take to be made
    cmd = "%s -accel tcg,count=on -cpu max" % opt.vemu
    found = {}
    for g in ("boot",) + TIER2_GROUPS:
        run_opt.gb = "none" if g == "boot" else ",".join(gb.GROUPS[g].split())
        found[g] = gb.run_once(gb.build_argv(cmd, "amd64", run_opt), 580).get("counters")
        if not found[g]:
            return "## Counters\n\nno counters in the run of %s\n" % g, False
    with open(os.path.join(opt.results, name + ".json"), "w") as f:
        json.dump(found, f, indent=1)

    def tier2(c):
        return c["insns"] * c["tier2_percent"] / 100
    boot = found["boot"]
    rows = [["a boot", "%.1f" % boot["tier2_percent"], "%.0f" % (boot["insns"] / 1e6)]]
    for g in TIER2_GROUPS:
        more = found[g]["insns"] - boot["insns"]
        rows.append([g + " less a boot", "%.1f" % (100 * (tier2(found[g]) - tier2(boot)) / more),
                     "%.0f" % (more / 1e6)])
    text = gb.table(["instructions run", "% in the second tier", "millions"], rows)
    text += ("\n\nFirst tier, over a boot: code expansion %.1f, %.0f ns per guest instruction translated "
             "(the counters' own cost included)." % (boot["expansion"], boot["ns_per_insn"]))
    return "## Counters\n\n" + text, True


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--guests", required=True, help="directory made by tests/boot/fetch-guest.sh")
    ap.add_argument("--out", required=True, help="directory made by build.sh")
    ap.add_argument("--vemu", default="./vemu-system-x86_64")
    ap.add_argument("--qemu", default="qemu-system-x86_64")
    ap.add_argument("--vemu-arm", default="./vemu-system-aarch64")
    ap.add_argument("--qemu-arm", default="qemu-system-aarch64")
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--rounds", type=int)
    ap.add_argument("--scale", type=float, default=0.3, help="of the kernels' work")
    ap.add_argument("--stat", default="best", choices=["best", "med", "value", "cpu"])
    ap.add_argument("--floor", type=float, default=0.0, help="no kernel of vemu's below this ratio")
    special = {"start": run_start, "counters": run_counters}
    ap.add_argument("--tables", help="some of " + ", ".join(list(TABLES) + list(special)))
    opt = ap.parse_args()
    opt.rounds = opt.rounds or (2 if opt.quick else 5)
    opt.results = os.path.join(opt.out, "results")
    os.makedirs(opt.results, exist_ok=True)
    names = opt.tables.split(",") if opt.tables else \
        ["amd64", "i386"] if opt.quick else list(TABLES) + list(special)
    good = True
    with open(os.path.join(opt.results, "report.md"), "w") as report:
        for name in names:
            sys.stderr.write("table %s\n" % name)
            text, ok = special.get(name, run_table)(opt, name)
            good &= ok
            with open(os.path.join(opt.results, name + ".md"), "w") as f:
                f.write(text + "\n")
            report.write(text + "\n\n")
            report.flush()
            print(text + "\n", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
