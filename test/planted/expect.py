#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""expect.py TEXT[,TEXT...] COMMAND... - passes if the command's output holds every text."""
import subprocess
import sys

texts = sys.argv[1].split(',')
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                      errors='replace', timeout=120)
missing = [text for text in texts if text not in done.stdout]
if missing:
    print(done.stdout[-4000:])
    print(f'exit status {done.returncode}; missing in the output: {missing}')
sys.exit(1 if missing else 0)
