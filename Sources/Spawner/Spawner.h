// The three rooms of tollgate-spawn: main.c reads the socket, request.c judges what came, child.c makes the process.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "SpawnProtocol.h"

// sysexits(3); EX_SOFTWARE is a broken invariant between the gateway and this program.
enum { EXIT_USAGE = 64, EXIT_SOFTWARE = 70, EXIT_OS = 71 };

// One row of the table of what may be run.
struct row {
  uint32_t target;  // enum spawn_target_kind
  size_t path_bytes;
  char *path;  // absolute, NUL-terminated, without a slash at its end
  char *directory;  // the working directory, absolute; empty for that in which the program stands
  uint64_t limits[SPAWN_LIMIT_COUNT];
};

// The table, told once, and the shared memory. Nothing here changes after start-up but the slots themselves.
struct table {
  struct row *rows;
  uint32_t row_count;
  struct spawn_slot *slots;
  uint32_t slot_count;
};

// What the child needs, complete before it is made: between clone and execve nothing is decided or allocated.
struct plan {
  char program[PATH_MAX];
  char directory[PATH_MAX];
  char *arguments[SPAWN_ARGUMENTS_MAX + 2];
  char *environment[SPAWN_ENVIRONMENT_COUNT_MAX + 1];
  int descriptors[SPAWN_STANDARD_DESCRIPTORS];
  const uint64_t *limits;
  struct spawn_slot *slot;
};

// Ends the spawner over a message that the gateway cannot have meant. Says `reason` on standard error first.
_Noreturn void malformed(const char *reason);

// Turns the `count` bytes at `message`, which must stay in place until the child was made, and the descriptors that
// came along into a plan. Gives 0, or the errno with which the request is refused: its path leaves the table. Where
// it returns at all, plan->slot is the slot to answer in.
int plan_request(struct plan *plan, const struct table *table, char *message, size_t count, const int *received,
                 size_t received_count, int null_device);

// Maps the stack on which children start, once. 0 or an errno.
int child_prepare(void);

// Makes the child and publishes what became of it in the plan's slot.
void child_make(struct plan *plan);
