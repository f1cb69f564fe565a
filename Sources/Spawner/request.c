// From a datagram to a plan. The gateway has judged the request already; it is judged again here, because this is the
// program that will hold the privileges, and because it shall run nothing outside its table whatever the gateway does.
#include "Spawner.h"

#include <errno.h>
#include <string.h>

// Whether a script's path stays below its directory as it is written: segments that are neither empty nor dots, and
// no NUL. Symbolic links are the affair of whoever may write to the directory: Debian's gitweb.cgi is one.
static int is_beneath(const char *path, size_t count) {
  if (count == 0 || memchr(path, 0, count)) return 0;
  size_t start = 0;
  for (size_t i = 0; i <= count; i++) {
    if (i < count && path[i] != '/') continue;
    size_t length = i - start;
    if (length == 0) return 0;
    if (path[start] == '.' && (length == 1 || (length == 2 && path[start + 1] == '.'))) return 0;
    start = i + 1;
  }
  return 1;
}

// The program's absolute path and the directory it stands in, which is its working directory (RFC 3875, section 7.2).
static int resolve(struct plan *plan, const struct row *row, const char *path, size_t count) {
  if (row->target == SPAWN_TARGET_PROGRAM) {
    if (count != 0) return EINVAL;
    memcpy(plan->program, row->path, row->path_bytes + 1);
  } else {
    if (!is_beneath(path, count)) return EINVAL;
    if (row->path_bytes + 1 + count >= sizeof plan->program) return ENAMETOOLONG;
    memcpy(plan->program, row->path, row->path_bytes);
    plan->program[row->path_bytes] = '/';
    memcpy(plan->program + row->path_bytes + 1, path, count);
    plan->program[row->path_bytes + 1 + count] = 0;
  }
  if (row->directory[0] != 0) {
    strcpy(plan->directory, row->directory);
    return 0;
  }
  const char *slash = strrchr(plan->program, '/');
  size_t length = (size_t)(slash - plan->program);
  if (length == 0) length = 1;
  memcpy(plan->directory, plan->program, length);
  plan->directory[length] = 0;
  return 0;
}

// Points `vector` at `strings` NUL-terminated strings that must fill exactly `count` bytes, and ends it with NULL.
static void point_at_strings(char **vector, char *bytes, size_t count, uint32_t strings) {
  char *at = bytes;
  char *end = bytes + count;
  for (uint32_t i = 0; i < strings; i++) {
    char *nul = memchr(at, 0, (size_t)(end - at));
    if (!nul) malformed("a string without its end");
    vector[i] = at;
    at = nul + 1;
  }
  if (at != end) malformed("more strings than were counted");
  vector[strings] = NULL;
}

int plan_request(struct plan *plan, const struct table *table, char *message, size_t count, const int *received,
                 size_t received_count, int null_device) {
  struct spawn_request request;
  if (count < sizeof request) malformed("a request cut short");
  memcpy(&request, message, sizeof request);
  if (request.kind != SPAWN_REQUEST) malformed("an unknown kind of message");
  if (request.slot >= table->slot_count) malformed("a slot that is none");
  if (request.row >= table->row_count) malformed("a row that is none");
  if (request.argument_count > SPAWN_ARGUMENTS_MAX) malformed("too many arguments");
  if (request.environment_count > SPAWN_ENVIRONMENT_COUNT_MAX) malformed("too many environment variables");
  if (request.sent >> SPAWN_STANDARD_DESCRIPTORS) malformed("a descriptor that is none of the standard ones");
  // In 64 bits, so that no sum of 32-bit lengths wraps around to the right one.
  uint64_t expected = sizeof request + (uint64_t)request.path_bytes + request.argument_bytes;
  if (expected + request.environment_bytes != count) malformed("lengths that do not add up");

  char *path = message + sizeof request;
  char *arguments = path + request.path_bytes;
  char *environment = arguments + request.argument_bytes;
  plan->arguments[0] = plan->program;
  point_at_strings(plan->arguments + 1, arguments, request.argument_bytes, request.argument_count);
  point_at_strings(plan->environment, environment, request.environment_bytes, request.environment_count);

  plan->slot = &table->slots[request.slot];
  plan->limits = table->rows[request.row].limits;
  size_t next = 0;
  for (int i = 0; i < SPAWN_STANDARD_DESCRIPTORS; i++) {
    plan->descriptors[i] = null_device;
    if (!(request.sent & (1u << i))) continue;
    // The kernel drops those for which this process has no room; running without them would be a lie.
    if (next == received_count) return EMFILE;
    plan->descriptors[i] = received[next++];
  }
  if (next != received_count) malformed("more descriptors than were announced");
  return resolve(plan, &table->rows[request.row], path, request.path_bytes);
}
