#!/usr/bin/python3
# The smallest answer of a Python script. The path is that of Debian's own interpreter: a wrapper in front of it, as
# version managers install, would be started for each request too.
import os

print("Content-Type: text/plain; charset=utf-8\n")
print(f"Hello from Python. Process {os.getpid()} was made for this request alone.")
