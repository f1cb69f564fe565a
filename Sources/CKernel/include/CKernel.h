// System calls and macros that Swift's Glibc module cannot reach. Nothing clever: each function makes one call and
// gives its result, or the negated errno. Retries are decided in Kernel, in one place.
#pragma once

#include <stddef.h>
#include <stdint.h>

// struct epoll_event, with its union read as the 64 bits that Tollgate stores there. Packed on x86-64 as the kernel's.
struct ck_event {
  uint32_t events;
  uint64_t data;
}
#ifdef __x86_64__
__attribute__((packed))
#endif
;

// The kernel's values; CKernel.c asserts that they are.
static const uint32_t CK_EPOLLIN = 0x001, CK_EPOLLOUT = 0x004, CK_EPOLLERR = 0x008, CK_EPOLLHUP = 0x010;
static const uint32_t CK_EPOLLRDHUP = 0x2000;
static const int CK_EPOLL_ADD = 1, CK_EPOLL_DEL = 2, CK_EPOLL_MOD = 3;
static const uint64_t CK_RESOLVE_NO_MAGICLINKS = 0x02, CK_RESOLVE_BENEATH = 0x08, CK_RESOLVE_CACHED = 0x20;

long ck_epoll_create(void);
long ck_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data);
long ck_epoll_wait(int epoll, struct ck_event *events, int capacity, int timeout_ms);
long ck_eventfd(void);
long ck_socket(int family);
long ck_socket_blocking(int family);
// The peer's address goes into *address, a sockaddr_storage, whose capacity is *length.
long ck_accept(int listener, void *address, uint32_t *length);
long ck_bind(int fd, const void *address, uint32_t length);
long ck_getsockname(int fd, void *address, uint32_t *length);
long ck_recv(int fd, void *bytes, size_t count);
long ck_send(int fd, const void *bytes, size_t count, int more);
long ck_sendfile(int socket, int file, int64_t offset, size_t count);
long ck_pipe(int ends[2], int flags);
// dup3(2), close-on-exec.
long ck_dup_onto(int from, int onto);
// openat2(2): no libc wrapper in glibc 2.36.
long ck_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve);
// Whether the file may be executed by the effective user; faccessat2(2) on the descriptor itself.
long ck_may_execute(int fd);
long ck_preadv2_nowait(int fd, void *bytes, size_t count, int64_t offset);
long ck_open_temporary(const char *directory);
long ck_memfd(const char *name);
long ck_processors(void);
// The soft limit of open descriptors of a process; 0 for the pid is the caller.
long ck_get_descriptor_limit(int pid);
long ck_set_descriptor_limit(int pid, unsigned long soft);
int64_t ck_clock(int clock);
// Has malloc(3) keep what the threads of a server take and give back all day.
void ck_keep_heaps(void);
// pthread_setname_np(3) of a pthread_t.
long ck_name_thread(unsigned long thread, const char *name);
