// Burns the processor time that `?ms=` asks for, then says what the kernel has counted for it, so that the bill of
// the gateway can be held against the program's own account.
#include <sys/resource.h>
#include <time.h>

#include "cgi.h"

enum { DEFAULT_MS = 100, MOST_MS = 10000 };

static long cpu_clock_us(void)
{
  struct timespec now;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) cgi_refuse("this system has no processor clock");
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

int main(void)
{
  long ms = cgi_query_number("ms", DEFAULT_MS, MOST_MS, "usage: burn?ms=N, N from 0 to 10000 milliseconds");
  volatile unsigned long work = 0;
  while (cpu_clock_us() < ms * 1000) {
    // The clock is a system call for this kind of time: ask it seldom, so that the time burnt is the program's own.
    for (int i = 0; i < 20000; i++) work += (unsigned long)i;
  }
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) cgi_refuse("getrusage failed");
  // The kernel samples how the total divides into user and system by clock ticks: only their sum is exact.
  long cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L;
  cpu_us += usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  printf("Content-Type: text/plain; charset=utf-8\n\n");
  printf("requested_ms %ld\ncpu_us %ld\npeak_rss_kib %ld\n", ms, cpu_us, usage.ru_maxrss);
  return 0;
}
