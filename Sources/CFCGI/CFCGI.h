// The system's libfcgi (Debian: libfcgi-dev), and what Swift cannot reach: the process's environment, which it has as a
// variable that anybody may assign to, and the number of the calling thread.
#ifndef TOLLGATE_CFCGI_H
#define TOLLGATE_CFCGI_H

#include <fcgiapp.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static inline char **cfcgi_environment(void)
{
  return environ;
}

static inline int cfcgi_thread(void)
{
  return (int)syscall(SYS_gettid);
}

#endif
