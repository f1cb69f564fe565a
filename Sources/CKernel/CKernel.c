// _GNU_SOURCE stays in this file: in a header it would give Swift's Glibc module a second definition of its types.
#define _GNU_SOURCE
#include "CKernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(EPOLLIN == 0x001 && EPOLLOUT == 0x004 && EPOLLERR == 0x008 && EPOLLHUP == 0x010, "epoll's events");
_Static_assert(EPOLLRDHUP == 0x2000, "epoll's events");
_Static_assert(EPOLL_CTL_ADD == 1 && EPOLL_CTL_DEL == 2 && EPOLL_CTL_MOD == 3, "epoll's operations");
_Static_assert(RESOLVE_NO_MAGICLINKS == 0x02 && RESOLVE_BENEATH == 0x08, "openat2's flags");
_Static_assert(RESOLVE_CACHED == 0x20, "openat2's flags");

#define CK_RESULT(call)                                                                                              \
  do {                                                                                                               \
    long ck_r = (long)(call);                                                                                        \
    return ck_r < 0 ? -(long)errno : ck_r;                                                                           \
  } while (0)

long ck_epoll_create(void) { CK_RESULT(epoll_create1(EPOLL_CLOEXEC)); }

long ck_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  CK_RESULT(epoll_ctl(epoll, operation, fd, &event));
}

_Static_assert(sizeof(struct ck_event) == sizeof(struct epoll_event), "ck_event is epoll_event");

long ck_epoll_wait(int epoll, struct ck_event *events, int capacity, int timeout_ms) {
  CK_RESULT(epoll_wait(epoll, (struct epoll_event *)events, capacity, timeout_ms));
}

long ck_eventfd(void) { CK_RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

long ck_socket(int family) {
  CK_RESULT(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

long ck_socket_blocking(int family) { CK_RESULT(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// The peer's address goes into *address, whose capacity is *length.
long ck_accept(int listener, void *address, uint32_t *length) {
  CK_RESULT(accept4(listener, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

long ck_bind(int fd, const void *address, uint32_t length) {
  CK_RESULT(bind(fd, address, length));
}

long ck_getsockname(int fd, void *address, uint32_t *length) {
  CK_RESULT(getsockname(fd, address, length));
}

long ck_recv(int fd, void *bytes, size_t count) { CK_RESULT(recv(fd, bytes, count, 0)); }

long ck_send(int fd, const void *bytes, size_t count, int more) {
  CK_RESULT(send(fd, bytes, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}

long ck_sendfile(int socket, int file, int64_t offset, size_t count) {
  off_t from = offset;
  CK_RESULT(sendfile(socket, file, &from, count));
}

long ck_pipe(int ends[2], int flags) { CK_RESULT(pipe2(ends, flags | O_CLOEXEC)); }

long ck_dup_onto(int from, int onto) { CK_RESULT(dup3(from, onto, O_CLOEXEC)); }

long ck_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags, .resolve = resolve};
  CK_RESULT(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

long ck_may_execute(int fd) {
  CK_RESULT(syscall(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS));
}

long ck_preadv2_nowait(int fd, void *bytes, size_t count, int64_t offset) {
  struct iovec part = {bytes, count};
  CK_RESULT(preadv2(fd, &part, 1, offset, RWF_NOWAIT));
}

long ck_open_temporary(const char *directory) {
  CK_RESULT(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

long ck_memfd(const char *name) { CK_RESULT(memfd_create(name, MFD_CLOEXEC)); }

long ck_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) < 0) return -(long)errno;
  return CPU_COUNT(&set);
}

long ck_get_descriptor_limit(int pid) {
  struct rlimit limit;
  if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0) return -(long)errno;
  return (long)limit.rlim_cur;
}

long ck_set_descriptor_limit(int pid, unsigned long soft) {
  struct rlimit limit;
  if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0) return -(long)errno;
  limit.rlim_cur = soft;
  CK_RESULT(prlimit(pid, RLIMIT_NOFILE, &limit, NULL));
}

int64_t ck_clock(int clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

long ck_name_thread(unsigned long thread, const char *name) { return -(long)pthread_setname_np(thread, name); }

// By default a thread's heap is given back page by page with mprotect(2) and taken again with the next request: a
// quarter of the system calls of a busy loop.
void ck_keep_heaps(void) {
  mallopt(M_TOP_PAD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}
