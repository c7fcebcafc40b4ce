#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""micro.py BUILD [--reps N] [--sleepers N]: medians and spread of what bench-micro prints."""

import argparse
import os
import statistics
import subprocess

p = argparse.ArgumentParser(description=__doc__)
p.add_argument('build')
p.add_argument('--reps', type=int, default=7)
p.add_argument('--sleepers', type=int, default=1000000)
o = p.parse_args()

program = os.path.join(o.build, 'bench/bench-micro')
if not os.path.exists(program):
    subprocess.run(['ninja', '-C', o.build, 'bench/bench-micro'], check=True,
                   stdout=subprocess.DEVNULL)
realtime = ['chrt', '-r', '1'] if os.geteuid() == 0 else []
samples = {}
for _ in range(o.reps):
    text = subprocess.run(realtime + [program, str(o.sleepers)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    for line in text.splitlines():
        name, value = line.split()
        samples.setdefault(name, []).append(float(value))
print('| what | median | min .. max |\n|---|---:|---:|')
for name, values in samples.items():
    print(f'| {name} | {statistics.median(values):g} | {min(values):g} .. {max(values):g} |')
