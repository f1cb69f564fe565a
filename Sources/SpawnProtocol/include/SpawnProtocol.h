// What the gateway and its spawner say to each other, written once for both.
//
// They share a SOCK_SEQPACKET socket pair and one mapping of memory. Over the socket go, from the gateway only: one
// spawn_opening with the memory's descriptor, then one spawn_row for each row of the table of what may be run, then
// one spawn_request for each program. A datagram arrives whole or not at all, so neither side ever waits for a rest.
//
// Nothing is sent back. What became of a request stands in its slot of the shared memory: the kernel writes the pid
// there before the child runs, and the spawner the outcome, before it closes its copies of the child's descriptors.
// Whoever holds the other end of the child's output and reads its end therefore finds the outcome in the slot.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Both sides must have been built from the same header: a version that differs ends the spawner.
#define SPAWN_PROTOCOL_VERSION 2

// The spawner's end of the socket pair, in the spawner.
#define SPAWN_SOCKET_DESCRIPTOR 3

// The limits of one request. Each is checked on both sides.
#define SPAWN_MESSAGE_BYTES_MAX (256 * 1024)
#define SPAWN_ARGUMENTS_MAX 1024
#define SPAWN_ENVIRONMENT_COUNT_MAX 1024
#define SPAWN_PATH_BYTES_MAX 4095

#define SPAWN_SLOTS_MAX 65536
#define SPAWN_ROWS_MAX 4096

// A descriptor that is not sent stands for /dev/null.
#define SPAWN_STANDARD_DESCRIPTORS 3

enum spawn_message_kind { SPAWN_OPENING = 0x4f505331, SPAWN_ROW = 0x524f5731, SPAWN_REQUEST = 0x52455131 };

enum spawn_target_kind { SPAWN_TARGET_DIRECTORY = 1, SPAWN_TARGET_PROGRAM = 2 };

// Where in a child's making a fault lay.
enum spawn_stage {
  SPAWN_STAGE_NONE = 0,
  SPAWN_STAGE_MESSAGE = 1,      // the request was refused: not in the table, or its descriptors did not arrive
  SPAWN_STAGE_CLONE = 2,        // clone(2): no process was made
  SPAWN_STAGE_GROUP = 3,        // setpgid(2)
  SPAWN_STAGE_DESCRIPTORS = 4,  // dup2(2), close_range(2)
  SPAWN_STAGE_LIMITS = 5,       // setrlimit(2)
  SPAWN_STAGE_CHDIR = 6,        // chdir(2)
  SPAWN_STAGE_EXEC = 7,         // execve(2)
};

enum spawn_state {
  SPAWN_STATE_WAITING = 0,
  SPAWN_STATE_RUNNING = 1,
  SPAWN_STATE_FAILED = 2,
};

// The resource limits of a row, as indices into spawn_row.limits; SPAWN_LIMIT_NONE leaves one as it is.
enum spawn_limit {
  SPAWN_LIMIT_CPU_SECONDS = 0,
  SPAWN_LIMIT_ADDRESS_SPACE_BYTES = 1,
  SPAWN_LIMIT_FILE_SIZE_BYTES = 2,
  SPAWN_LIMIT_OPEN_FILES = 3,
};
#define SPAWN_LIMIT_COUNT 4
#define SPAWN_LIMIT_NONE UINT64_MAX

// The first message. The descriptor of the shared memory, slot_count slots, comes with it.
struct spawn_opening {
  uint32_t kind;
  uint32_t version;
  uint32_t slot_count;
  uint32_t row_count;
};

// One row of the table; path_bytes bytes of an absolute path follow, and directory_bytes of the absolute path of the
// working directory, none for that in which the program stands; neither with a NUL.
struct spawn_row {
  uint32_t kind;
  uint32_t target;
  uint32_t path_bytes;
  uint32_t directory_bytes;
  uint64_t limits[SPAWN_LIMIT_COUNT];
};

// One program to run. After it come, in this order: the script's relative path, without a NUL; argv[1...], each with
// its NUL; the environment's NAME=VALUE strings, each with its NUL.
struct spawn_request {
  uint32_t kind;
  uint32_t slot;
  uint32_t row;
  uint32_t sent;  // bit n: the child's descriptor n is the next of those that came along; else it is /dev/null
  uint32_t path_bytes;
  uint32_t argument_count;
  uint32_t argument_bytes;
  uint32_t environment_count;
  uint32_t environment_bytes;
};

// One request's outcome. A cache line each, since the mapping begins on a page, so that the two sides do not contend
// for neighbours.
struct spawn_slot {
  uint32_t state;              // enum spawn_state; written last, with release
  int32_t pid;                 // by the kernel, before the child runs; 0: no child
  int32_t error;               // an errno; 0 unless failed
  uint32_t stage;              // enum spawn_stage
  uint64_t clone_started_ns;   // CLOCK_MONOTONIC, before clone(2)
  uint64_t exec_started_ns;    // CLOCK_MONOTONIC, by the child, before execve(2); 0: it did not come so far
  // To 64 bytes by hand: Swift does not import a structure that carries an alignment of its own.
  uint64_t padding[4];
};

// A copy of a slot, complete if state is not SPAWN_STATE_WAITING; before that only pid and the time stamps mean
// anything, those that are not 0.
struct spawn_outcome {
  uint32_t state;
  int32_t pid;
  int32_t error;
  uint32_t stage;
  uint64_t clone_started_ns;
  uint64_t exec_started_ns;
};

// Reads a slot without tearing: the fields were written before the state that is seen, and do not change after it.
static inline struct spawn_outcome spawn_slot_read(const struct spawn_slot *slot) {
  struct spawn_outcome outcome = {.state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE)};
  outcome.pid = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE);
  outcome.error = __atomic_load_n(&slot->error, __ATOMIC_RELAXED);
  outcome.stage = __atomic_load_n(&slot->stage, __ATOMIC_RELAXED);
  outcome.clone_started_ns = __atomic_load_n(&slot->clone_started_ns, __ATOMIC_RELAXED);
  outcome.exec_started_ns = __atomic_load_n(&slot->exec_started_ns, __ATOMIC_ACQUIRE);
  return outcome;
}

// Empties a slot, by the gateway: before a request, and as soon as the child was reaped, so that the spawner never
// signals a pid that has become somebody else's.
static inline void spawn_slot_clear(struct spawn_slot *slot) {
  __atomic_store_n(&slot->pid, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->error, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->stage, SPAWN_STAGE_NONE, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->clone_started_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->exec_started_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->state, SPAWN_STATE_WAITING, __ATOMIC_RELEASE);
}

// Publishes an outcome, by the spawner.
static inline void spawn_slot_publish(struct spawn_slot *slot, uint32_t state, uint32_t stage, int32_t error) {
  __atomic_store_n(&slot->stage, stage, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->error, error, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
}

// A run of bytes that somebody else owns.
struct spawn_bytes {
  const void *base;
  size_t count;
};

// The number of strings in a run of NUL-terminated ones, or -1 if the last one lacks its NUL.
long spawn_count_strings(const void *base, size_t count);

// Makes shared memory of slot_count empty slots, close-on-exec, whose size neither side can change afterwards.
// Gives its descriptor, which the caller owns, or the negated errno.
int spawn_memory_create(uint32_t slot_count);

// Maps slots from their descriptor; NULL and errno on failure. Undone by spawn_memory_unmap.
struct spawn_slot *spawn_memory_map(int descriptor, uint32_t slot_count);
void spawn_memory_unmap(struct spawn_slot *slots, uint32_t slot_count);

// Makes the socket pair, both ends close-on-exec; room is asked for the largest message. 0 or the negated errno.
int spawn_socket_pair(int ends[2]);

// Sends one datagram of up to four parts with up to three descriptors, which stay the caller's.
// 0, or the negated errno; with `wait` it sleeps until there is room.
int spawn_send(int socket, const struct spawn_bytes *parts, size_t part_count, const int *descriptors,
               size_t descriptor_count, int wait);

// Whether the other end of the socket is gone. poll(2), without waiting.
int spawn_hung_up(int socket);

// Starts the spawner with `socket` as its SPAWN_SOCKET_DESCRIPTOR, standard error as it is here, and nothing else:
// no environment, a process group of its own. Gives its pid, or the negated errno, that of execve(2) included.
int spawn_start(const char *binary, int socket);

// pidfd_open(2). The descriptor, close-on-exec, is the caller's; or the negated errno.
int spawn_pidfd_open(int pid);
