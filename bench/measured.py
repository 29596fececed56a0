"""Runs one command and prints what it took, as JSON: `python -ISB measured.py WORD ...`.

A process of its own, and a small one: what Linux counts as the peak memory of a program begins with that of whoever
started it (`setmax_mm_hiwater_rss` in `fs/exec.c`), and a bench is larger than what it measures.
"""

import json
import os
import sys
import time

began = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - began
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "peak": usage.ru_maxrss / 1024}))
