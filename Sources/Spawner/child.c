// Everything between clone and execve.
//
// The child shares this program's memory (CLONE_VM), which stands still until the child has executed (CLONE_VFORK),
// and is the gateway's own child (CLONE_PARENT). A raw clone3 with no stack would run it on the parent's, where it
// overwrites the parent's return address; glibc's clone() on a stack of its own does not.
#include "Spawner.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 64 * 1024 };

static char *stack_top;
static sigset_t no_signals;

int child_prepare(void) {
  // The lowest page is a guard: an overflow ends the child instead of writing into what lies below.
  size_t guard = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, guard + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return errno;
  if (mprotect(memory + guard, STACK_BYTES, PROT_READ | PROT_WRITE) < 0) return errno;
  stack_top = memory + guard + STACK_BYTES;
  sigemptyset(&no_signals);
  return 0;
}

// In the child: tells where it failed, and ends without running anything that belongs to the parent.
static _Noreturn void give_up(const struct plan *plan, uint32_t stage) {
  __atomic_store_n(&plan->slot->error, errno, __ATOMIC_RELAXED);
  __atomic_store_n(&plan->slot->stage, stage, __ATOMIC_RELAXED);
  _exit(127);
}

static int apply_limits(const uint64_t *limits) {
  static const __rlimit_resource_t resources[SPAWN_LIMIT_COUNT] = {
      [SPAWN_LIMIT_CPU_SECONDS] = RLIMIT_CPU,
      [SPAWN_LIMIT_ADDRESS_SPACE_BYTES] = RLIMIT_AS,
      [SPAWN_LIMIT_FILE_SIZE_BYTES] = RLIMIT_FSIZE,
      [SPAWN_LIMIT_OPEN_FILES] = RLIMIT_NOFILE,
  };
  for (int i = 0; i < SPAWN_LIMIT_COUNT; i++) {
    if (limits[i] == SPAWN_LIMIT_NONE) continue;
    struct rlimit limit = {.rlim_cur = limits[i], .rlim_max = limits[i]};
    if (setrlimit(resources[i], &limit) < 0) return -1;
  }
  return 0;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int child_main(void *argument) {
  const struct plan *plan = argument;
  // Its own group, so that the gateway can end it with all that it started.
  if (setpgid(0, 0) < 0) give_up(plan, SPAWN_STAGE_GROUP);
  // A second string to the bow: this program ends the groups when the gateway is gone, but may be gone itself by then.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What was received lies above 2, since this program keeps 0, 1 and 2 open: no dup2 overwrites the next one's source.
  for (int i = 0; i < SPAWN_STANDARD_DESCRIPTORS; i++) {
    if (dup2(plan->descriptors[i], i) < 0) give_up(plan, SPAWN_STAGE_DESCRIPTORS);
  }
  if (close_range(SPAWN_STANDARD_DESCRIPTORS, ~0u, 0) < 0) give_up(plan, SPAWN_STAGE_DESCRIPTORS);
  if (apply_limits(plan->limits) < 0) give_up(plan, SPAWN_STAGE_LIMITS);
  if (chdir(plan->directory) < 0) give_up(plan, SPAWN_STAGE_CHDIR);
  // Every disposition is the default since start-up; only the mask is not. A signal that comes from here on ends the
  // child, since no handler exists that could run in the parent's memory.
  sigprocmask(SIG_SETMASK, &no_signals, NULL);
  // By the child itself: this program may get the processor back only when the child has long been printing.
  __atomic_store_n(&plan->slot->exec_started_ns, now_ns(), __ATOMIC_RELEASE);
  execve(plan->program, plan->arguments, plan->environment);
  give_up(plan, SPAWN_STAGE_EXEC);
}

void child_make(struct plan *plan) {
  struct spawn_slot *slot = plan->slot;
  __atomic_store_n(&slot->clone_started_ns, now_ns(), __ATOMIC_RELAXED);
  // No exit signal is named: with CLONE_PARENT the kernel takes this program's own, the SIGCHLD of posix_spawn.
  int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID;
  int pid = clone(child_main, stack_top, flags, plan, &slot->pid);
  int clone_error = errno;
  if (pid < 0) {
    spawn_slot_publish(slot, SPAWN_STATE_FAILED, SPAWN_STAGE_CLONE, clone_error);
    return;
  }
  uint32_t stage = __atomic_load_n(&slot->stage, __ATOMIC_RELAXED);
  int32_t error = __atomic_load_n(&slot->error, __ATOMIC_RELAXED);
  spawn_slot_publish(slot, stage == SPAWN_STAGE_NONE ? SPAWN_STATE_RUNNING : SPAWN_STATE_FAILED, stage, error);
}
