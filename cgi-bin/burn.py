#!/usr/bin/python3
# Burns the processor time that `?ms=` asks for, and says what the kernel has counted for it: the same answer as
# that of the C program `burn`, so that the two can be compared.
import os
import re
import resource
import sys
import time

MOST_MS = 10_000


def cpu_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1e6), usage.ru_maxrss


query = os.environ.get("QUERY_STRING", "") or "ms=100"
match = re.fullmatch(r"ms=([0-9]{1,5})", query)
if match is None or int(match[1]) > MOST_MS:
    print("Status: 400 Bad Request\nContent-Type: text/plain; charset=utf-8\n")
    print(f"usage: burn.py?ms=N, N from 0 to {MOST_MS} milliseconds")
    sys.exit(0)

requested_ms = int(match[1])
while time.process_time_ns() < requested_ms * 1_000_000:
    for _ in range(1000):
        pass

burnt_us, peak_rss_kib = cpu_us()
print("Content-Type: text/plain; charset=utf-8\n")
print(f"requested_ms {requested_ms}\ncpu_us {burnt_us}\npeak_rss_kib {peak_rss_kib}")
