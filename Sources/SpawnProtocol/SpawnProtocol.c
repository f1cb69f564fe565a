// The system calls behind the protocol that both sides, or a probe in C, need in the same way.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "SpawnProtocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct spawn_slot) == 64, "a slot is one cache line");

long spawn_count_strings(const void *base, size_t count) {
  const char *at = base;
  const char *end = at + count;
  long strings = 0;
  while (at < end) {
    const char *nul = memchr(at, 0, (size_t)(end - at));
    if (!nul) return -1;
    strings += 1;
    at = nul + 1;
  }
  return strings;
}

int spawn_memory_create(uint32_t slot_count) {
  int descriptor = memfd_create("tollgate-spawn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -errno;
  // Sealed: a mapping that another process could cut short would be a SIGBUS in wait for its reader.
  if (ftruncate(descriptor, (off_t)slot_count * (off_t)sizeof(struct spawn_slot)) < 0 ||
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    int error = errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

struct spawn_slot *spawn_memory_map(int descriptor, uint32_t slot_count) {
  size_t size = (size_t)slot_count * sizeof(struct spawn_slot);
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void spawn_memory_unmap(struct spawn_slot *slots, uint32_t slot_count) {
  munmap(slots, (size_t)slot_count * sizeof(struct spawn_slot));
}

int spawn_socket_pair(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  // The kernel doubles what it is given and caps it at net.core.wmem_max, whose default, 208 KiB, is so enough for
  // the largest message. What does not fit is refused by sendmsg.
  int room = 1024 * 1024;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return 0;
}

int spawn_send(int socket, const struct spawn_bytes *parts, size_t part_count, const int *descriptors,
               size_t descriptor_count, int wait) {
  struct iovec pieces[4];
  union {
    char bytes[CMSG_SPACE(SPAWN_STANDARD_DESCRIPTORS * sizeof(int))];
    struct cmsghdr aligned;
  } control;
  if (part_count > 4 || descriptor_count > SPAWN_STANDARD_DESCRIPTORS) return -EINVAL;
  for (size_t i = 0; i < part_count; i++) {
    pieces[i] = (struct iovec){.iov_base = (void *)parts[i].base, .iov_len = parts[i].count};
  }
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = part_count};
  if (descriptor_count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

int spawn_hung_up(int socket) {
  struct pollfd entry = {.fd = socket, .events = POLLIN | POLLRDHUP};
  return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

int spawn_start(const char *binary, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error) {
    posix_spawn_file_actions_destroy(&actions);
    return -error;
  }
  // A group of its own, so that a terminal's Ctrl-C does not reach it; the descriptors that somebody forgot to mark
  // close-on-exec end here, and not in every script. If the socket is 3 already, dup2 clears its close-on-exec.
  pid_t pid = 0;
  error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, socket, SPAWN_SOCKET_DESCRIPTOR);
  if (!error) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, SPAWN_SOCKET_DESCRIPTOR + 1);
  if (!error) {
    char *arguments[] = {"tollgate-spawn", NULL};
    char *environment[] = {NULL};
    error = posix_spawn(&pid, binary, &actions, &attributes, arguments, environment);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error ? -error : pid;
}

int spawn_pidfd_open(int pid) {
  long descriptor = syscall(SYS_pidfd_open, pid, 0);
  return descriptor < 0 ? -errno : (int)descriptor;
}
