#!/bin/sh
# The smallest answer of a shell script.
printf 'Content-Type: text/plain; charset=utf-8\n\n'
printf 'Hello from the shell. Process %s was made for this request alone.\n' "$$"
