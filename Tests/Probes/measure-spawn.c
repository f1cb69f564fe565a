// What a process costs when tollgate-spawn makes it, against one made directly: processor time of everybody involved
// (this process, the spawner, the children), and the peak memory that the child is billed.
//
// Usage: measure-spawn cost SPAWNER PROGRAM ROUNDS SPAWNS CLIENTS | measure-spawn peak SPAWNER PROGRAM MIB
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "SpawnProtocol.h"

enum { WAYS = 3, CLIENTS_MAX = 64, ROUNDS_MAX = 101, STACK = 65536 };
enum way { WAY_CLONE, WAY_POSIX_SPAWN, WAY_SPAWNER };
static const char *way_names[WAYS] = {"clone in this process", "posix_spawn in this process", "tollgate-spawn"};

static const char *program;
static char *stack_top;
static int null_device, spawner_socket, spawner_pid;
static struct spawn_slot *slots;
static char environment_bytes[4096];
static size_t environment_size;
static uint32_t environment_count;
static char *environment_vector[64];

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

static double clock_us(clockid_t id) {
  struct timespec now;
  if (clock_gettime(id, &now) < 0) fail("clock_gettime");
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

// An environment like that of a CGI request: 28 variables of 40 bytes.
static void make_environment(void) {
  for (environment_count = 0; environment_count < 28; environment_count++) {
    environment_vector[environment_count] = environment_bytes + environment_size;
    environment_size += 1 + (size_t)sprintf(environment_bytes + environment_size,
        "HTTP_FIELD_NUMBER_%02u=abcdefghijklmnopqr", environment_count);
  }
}

static void start_spawner(const char *binary) {
  int ends[2];
  int memory = spawn_memory_create(CLIENTS_MAX);
  slots = spawn_memory_map(memory, CLIENTS_MAX);
  if (spawn_socket_pair(ends) < 0 || !slots) fail("spawner");
  spawner_pid = spawn_start(binary, ends[1]);
  if (spawner_pid < 0) fail(binary);
  close(ends[1]);
  spawner_socket = ends[0];
  struct spawn_opening opening = {SPAWN_OPENING, SPAWN_PROTOCOL_VERSION, CLIENTS_MAX, 1};
  struct spawn_bytes first = {&opening, sizeof opening};
  struct spawn_row row = {SPAWN_ROW, SPAWN_TARGET_PROGRAM, (uint32_t)strlen(program), 0,
      {SPAWN_LIMIT_NONE, SPAWN_LIMIT_NONE, SPAWN_LIMIT_NONE, SPAWN_LIMIT_NONE}};
  struct spawn_bytes second[2] = {{&row, sizeof row}, {program, strlen(program)}};
  if (spawn_send(spawner_socket, &first, 1, &memory, 1, 1) < 0) fail("opening");
  if (spawn_send(spawner_socket, second, 2, NULL, 0, 1) < 0) fail("row");
  close(memory);
}

struct plan {
  int output;
};

static int child(void *argument) {
  const struct plan *plan = argument;
  sigset_t none;
  sigemptyset(&none);
  if (setpgid(0, 0) < 0 || dup2(null_device, 0) < 0 || dup2(plan->output, 1) < 0 || dup2(null_device, 2) < 0) {
    _exit(126);
  }
  if (close_range(3, ~0u, 0) < 0) _exit(126);
  sigprocmask(SIG_SETMASK, &none, NULL);
  char *arguments[] = {(char *)program, NULL};
  execve(program, arguments, environment_vector);
  _exit(127);
}

static int make_by_clone(int output) {
  struct plan plan = {output};
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  int pid = clone(child, stack_top, CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

static int make_by_posix_spawn(int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  pid_t pid;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_adddup2(&actions, null_device, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, null_device, 2);
  char *arguments[] = {(char *)program, NULL};
  if (posix_spawn(&pid, program, &actions, &attributes, arguments, environment_vector) != 0) fail("posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return pid;
}

static void ask_spawner(uint32_t slot, int output) {
  spawn_slot_clear(&slots[slot]);
  struct spawn_request request = {SPAWN_REQUEST, slot, 0, 1 << 1, 0, 0, 0, environment_count,
      (uint32_t)environment_size};
  struct spawn_bytes parts[2] = {{&request, sizeof request}, {environment_bytes, environment_size}};
  if (spawn_send(spawner_socket, parts, 2, &output, 1, 1) < 0) fail("request");
}

// Reaps a child, checks that it ran as it should, and gives its processor time in microseconds.
static double reap(int pid, long *peak_kib) {
  int status;
  struct rusage usage;
  if (wait4(pid, &status, 0, &usage) != pid) fail("wait4");
  if (status != 0) {
    fprintf(stderr, "the child's status is %#x\n", (unsigned)status);
    exit(1);
  }
  if (peak_kib) *peak_kib = usage.ru_maxrss;
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Runs the program `clients` times at once, each into a pipe of its own that is read to its end. The children's time.
static double run_some(enum way way, int clients, long *peak_kib) {
  int outputs[CLIENTS_MAX], pids[CLIENTS_MAX];
  double used = 0;
  for (int i = 0; i < clients; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) fail("pipe2");
    outputs[i] = ends[0];
    if (way == WAY_CLONE) pids[i] = make_by_clone(ends[1]);
    if (way == WAY_POSIX_SPAWN) pids[i] = make_by_posix_spawn(ends[1]);
    if (way == WAY_SPAWNER) ask_spawner((uint32_t)i, ends[1]);
    close(ends[1]);
  }
  for (int i = 0; i < clients; i++) {
    char buffer[4096];
    ssize_t count, all = 0;
    while ((count = read(outputs[i], buffer, sizeof buffer)) > 0) all += count;
    if (count < 0 || all == 0) fail("the child's output");
    close(outputs[i]);
    if (way == WAY_SPAWNER) {
      struct spawn_outcome outcome = spawn_slot_read(&slots[i]);
      if (outcome.state != SPAWN_STATE_RUNNING) fail("the spawner's answer");
      pids[i] = outcome.pid;
    }
    used += reap(pids[i], peak_kib);
  }
  return used;
}

// Microseconds of processor time a spawn.
static double measure(enum way way, int spawns, int clients) {
  clockid_t spawner_clock;
  if (clock_getcpuclockid(spawner_pid, &spawner_clock) != 0) fail("clock_getcpuclockid");
  double before = clock_us(CLOCK_PROCESS_CPUTIME_ID) + clock_us(spawner_clock);
  double children = 0;
  for (int done = 0; done < spawns; done += clients) children += run_some(way, clients, NULL);
  return (clock_us(CLOCK_PROCESS_CPUTIME_ID) + clock_us(spawner_clock) - before + children) / spawns;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

static double median(const double *values, int count) {
  double sorted[ROUNDS_MAX];
  memcpy(sorted, values, (size_t)count * sizeof *values);
  qsort(sorted, (size_t)count, sizeof *sorted, ascending);
  return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void cost(int rounds, int spawns, int clients) {
  double used[WAYS][ROUNDS_MAX], ratios[ROUNDS_MAX];
  for (int way = 0; way < WAYS; way++) measure((enum way)way, clients, clients);
  for (int round = 0; round < rounds; round++) {
    for (int turn = 0; turn < WAYS; turn++) {
      int way = (round + turn) % WAYS;
      used[way][round] = measure((enum way)way, spawns, clients);
    }
  }
  printf("%d rounds of %d spawns, %d at once; processor time a spawn, all processes together\n", rounds, spawns,
         clients);
  printf("%-30s %10s %10s %10s %16s\n", "", "median us", "least", "most", "paired ratio");
  for (int way = 0; way < WAYS; way++) {
    double least = used[way][0], most = used[way][0];
    for (int round = 0; round < rounds; round++) {
      ratios[round] = used[way][round] / used[WAY_CLONE][round];
      if (used[way][round] < least) least = used[way][round];
      if (used[way][round] > most) most = used[way][round];
    }
    printf("%-30s %10.1f %10.1f %10.1f %16.3f\n", way_names[way], median(used[way], rounds), least, most,
           median(ratios, rounds));
  }
}

static void peak(size_t mib) {
  char *memory = malloc(mib << 20);
  if (!memory) fail("malloc");
  memset(memory, 1, mib << 20);
  __asm__ volatile("" : : "r"(memory) : "memory");
  printf("peak resident memory billed to the child of a process that has touched %zu MiB\n", mib);
  for (int way = 0; way < WAYS; way++) {
    long kib;
    run_some((enum way)way, 1, &kib);
    printf("%-30s %10ld KiB\n", way_names[way], kib);
  }
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: see measure-spawn.sh\n");
    return 64;
  }
  program = arguments[3];
  char *memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  stack_top = memory + STACK;
  null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
  make_environment();
  start_spawner(arguments[2]);
  if (strcmp(arguments[1], "peak") == 0) {
    peak((size_t)atoi(arguments[4]));
  } else if (count == 7) {
    int rounds = atoi(arguments[4]), clients = atoi(arguments[6]);
    if (rounds < 1 || rounds > ROUNDS_MAX || clients < 1 || clients > CLIENTS_MAX) return 64;
    cost(rounds, atoi(arguments[5]), clients);
    char command[64];
    snprintf(command, sizeof command, "grep -E '^(Rss|Pss|Private_Dirty):' /proc/%d/smaps_rollup", spawner_pid);
    printf("tollgate-spawn's own memory:\n");
    fflush(stdout);
    if (system(command) != 0) return 1;
  }
  return 0;
}
