// tollgate-spawn: makes the gateway's CGI processes, so that the gateway itself never forks.
//
// Started by the gateway with one end of a socket pair as descriptor 3. It is told once what it may run, then reads
// one datagram a program. Its life is tied to the socket: when the gateway is gone, however it ended, whatever it
// still had running is killed.
#include "Spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct table table;
static struct plan plan;
static char message[SPAWN_MESSAGE_BYTES_MAX];

static _Noreturn void end(int status, const char *what, const char *why) {
  dprintf(2, "tollgate-spawn: %s: %s\n", what, why);
  exit(status);
}

_Noreturn void malformed(const char *reason) { end(EXIT_SOFTWARE, "malformed message", reason); }

// The next datagram, with up to `capacity` descriptors. 0: the gateway is gone.
static size_t receive(int *descriptors, size_t capacity, size_t *descriptor_count) {
  struct iovec piece = {.iov_base = message, .iov_len = sizeof message};
  union {
    char bytes[CMSG_SPACE(SPAWN_STANDARD_DESCRIPTORS * sizeof(int))];
    struct cmsghdr aligned;
  } control;
  struct msghdr header = {
      .msg_iov = &piece,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = CMSG_SPACE(capacity * sizeof(int)),
  };
  ssize_t count;
  do {
    count = recvmsg(SPAWN_SOCKET_DESCRIPTOR, &header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  *descriptor_count = 0;
  if (count < 0) {
    if (errno == ECONNRESET) return 0;
    if (errno == ENOTSOCK || errno == EBADF) end(EXIT_USAGE, "descriptor 3 is no socket", "tollgate starts me");
    end(EXIT_OS, "recvmsg", strerror(errno));
  }
  if (header.msg_flags & MSG_TRUNC) malformed("a datagram over the limit");
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t bytes = part->cmsg_len - CMSG_LEN(0);
    if (bytes > capacity * sizeof(int)) malformed("too many descriptors");
    memcpy(descriptors, CMSG_DATA(part), bytes);
    *descriptor_count = bytes / sizeof(int);
  }
  return (size_t)count;
}

// The gateway is gone: so are its requests, and nobody is left to end what runs for them.
static _Noreturn void end_with_gateway(void) {
  for (uint32_t i = 0; i < table.slot_count; i++) {
    int32_t pid = __atomic_load_n(&table.slots[i].pid, __ATOMIC_ACQUIRE);
    // Above 1 only: kill(-1) would end everything that may be signalled.
    if (pid > 1) kill(-pid, SIGKILL);
  }
  exit(0);
}

static void read_row(struct row *row) {
  size_t descriptor_count;
  struct spawn_row told;
  size_t count = receive(NULL, 0, &descriptor_count);
  if (count == 0) end_with_gateway();
  if (count < sizeof told) malformed("a row cut short");
  memcpy(&told, message, sizeof told);
  const char *path = message + sizeof told;
  if (told.kind != SPAWN_ROW) malformed("a row was expected");
  if (told.target != SPAWN_TARGET_DIRECTORY && told.target != SPAWN_TARGET_PROGRAM) malformed("an unknown target");
  if (count != sizeof told + (size_t)told.path_bytes + told.directory_bytes) malformed("a row's lengths do not add up");
  if (told.path_bytes == 0 || told.path_bytes > SPAWN_PATH_BYTES_MAX) malformed("a row's path is too long or empty");
  if (path[0] != '/' || memchr(path, 0, told.path_bytes)) malformed("a row's path is not absolute");
  row->target = told.target;
  row->path_bytes = told.path_bytes;
  // So that a slash and the script's path can follow, also below the root directory.
  while (told.target == SPAWN_TARGET_DIRECTORY && row->path_bytes > 0 && path[row->path_bytes - 1] == '/') {
    row->path_bytes -= 1;
  }
  const char *directory = path + told.path_bytes;
  if (told.directory_bytes > SPAWN_PATH_BYTES_MAX) malformed("a row's directory is too long");
  if (told.directory_bytes != 0 && (directory[0] != '/' || memchr(directory, 0, told.directory_bytes))) {
    malformed("a row's directory is not absolute");
  }
  row->path = strndup(path, row->path_bytes);
  row->directory = strndup(directory, told.directory_bytes);
  if (!row->path || !row->directory) end(EXIT_OS, "the table", strerror(ENOMEM));
  memcpy(row->limits, told.limits, sizeof row->limits);
}

static void read_table(void) {
  int memory = -1;
  size_t descriptor_count;
  struct spawn_opening opening;
  size_t count = receive(&memory, 1, &descriptor_count);
  if (count == 0) end_with_gateway();
  if (count != sizeof opening) malformed("an opening was expected");
  memcpy(&opening, message, sizeof opening);
  if (opening.kind != SPAWN_OPENING) malformed("an opening was expected");
  if (opening.version != SPAWN_PROTOCOL_VERSION) malformed("the gateway speaks another version of the protocol");
  if (descriptor_count != 1) malformed("the opening came without its memory");
  if (opening.slot_count == 0 || opening.slot_count > SPAWN_SLOTS_MAX) malformed("the number of slots");
  if (opening.row_count > SPAWN_ROWS_MAX) malformed("the number of rows");
  struct spawn_slot *slots = spawn_memory_map(memory, opening.slot_count);
  if (!slots) end(EXIT_OS, "mapping the slots", strerror(errno));
  close(memory);
  struct row *rows = calloc(opening.row_count ? opening.row_count : 1, sizeof *rows);
  if (!rows) end(EXIT_OS, "the table", strerror(ENOMEM));
  for (uint32_t i = 0; i < opening.row_count; i++) read_row(&rows[i]);
  table = (struct table){rows, opening.row_count, slots, opening.slot_count};
}

// Signals: all at their default, for a child inherits what is ignored; and all blocked, so that the terminal's and
// the session's do not end this program, and none interrupts a clone. The child clears its mask.
static void settle_signals(void) {
  // By the system call itself: glibc's posix_spawn leaves its two internal signals ignored, and its sigaction refuses
  // to touch them. All zeros is SIG_DFL in the kernel's structure, however a machine lays it out.
  static const uint64_t standard[8];
  for (int number = 1; number < NSIG; number++) syscall(SYS_rt_sigaction, number, standard, NULL, sizeof(uint64_t));
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
}

int main(void) {
  settle_signals();
  // 0, 1 and 2 are kept open, so that no received descriptor ever takes their place.
  int null_device;
  do {
    null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_device < 0) end(EXIT_OS, "/dev/null", strerror(errno));
  } while (null_device < SPAWN_SOCKET_DESCRIPTOR);
  int error = child_prepare();
  if (error) end(EXIT_OS, "the children's stack", strerror(error));
  read_table();
  for (;;) {
    int received[SPAWN_STANDARD_DESCRIPTORS];
    size_t received_count;
    size_t count = receive(received, SPAWN_STANDARD_DESCRIPTORS, &received_count);
    if (count == 0) end_with_gateway();
    error = plan_request(&plan, &table, message, count, received, received_count, null_device);
    if (error) {
      spawn_slot_publish(plan.slot, SPAWN_STATE_FAILED, SPAWN_STAGE_MESSAGE, error);
    } else {
      child_make(&plan);
    }
    // After the outcome was published: who reads the end of the child's output finds it in the slot.
    for (size_t i = 0; i < received_count; i++) close(received[i]);
  }
}
