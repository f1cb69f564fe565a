// A FastCGI worker that does as its request's query says, one thing or several, joined by `&`. Made for the end-to-end
// tests with libfcgi, which most workers in C have. Every answer says X-Worker: PID COUNT.
//   odd [--requests N] [--listen PATH-OR-:PORT]
#include <fcgiapp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static FCGX_Request request;

// The value of a word in the query, up to the next `&`; NULL where the word is not there.
static const char *asked(const char *word)
{
  static char value[4096];
  const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
  size_t length = strlen(word);
  for (const char *part = query ? query : ""; *part;) {
    size_t end = strcspn(part, "&");
    if (strncmp(part, word, length) == 0 && (end == length || part[length] == '=')) {
      size_t from = end == length ? end : length + 1;
      snprintf(value, sizeof value, "%.*s", (int)(end - from), part + from);
      return value;
    }
    part += end + (part[end] == '&');
  }
  return NULL;
}

static int64_t processor_time(void)
{
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// Burns processor time, in microseconds.
static void burn(int64_t microseconds)
{
  int64_t end = processor_time() + microseconds * 1000;
  while (processor_time() < end)
    for (volatile int i = 0; i < 1000; i++)
      continue;
}

static void wait_for(const char *path)
{
  while (access(path, F_OK) != 0)
    usleep(5000);
}

static void note(const char *path, long count)
{
  FILE *file = fopen(path, "a");
  if (file) {
    fprintf(file, "%ld %ld\n", (long)getpid(), count);
    fclose(file);
  }
}

// Answers with the body's length and its SHA-256.
static void hash_body(const char *scratch)
{
  static char buffer[65536];
  char command[4200];
  snprintf(command, sizeof command, "sha256sum >%s", scratch);
  FILE *sum = popen(command, "w");
  int64_t length = 0;
  for (int count; (count = FCGX_GetStr(buffer, sizeof buffer, request.in)) > 0; length += count)
    if (fwrite(buffer, 1, (size_t)count, sum) != (size_t)count)
      exit(71);
  if (pclose(sum) != 0)
    exit(71);
  FILE *file = fopen(scratch, "r");
  char text[65] = "";
  if (!file || fread(text, 1, 64, file) != 64)
    exit(71);
  fclose(file);
  unlink(scratch);
  FCGX_FPrintF(request.out, "%ld %s", (long)length, text);
}

static void send_file(const char *path)
{
  static char buffer[65536];
  FILE *file = fopen(path, "rb");
  if (!file)
    exit(66);
  for (size_t count; (count = fread(buffer, 1, sizeof buffer, file)) > 0;)
    if (FCGX_PutStr(buffer, (int)count, request.out) < 0)
      break;
  fclose(file);
}

// What comes before an answer, or in its stead.
static void prepare(long count)
{
  const char *value;
  if ((value = asked("note")))
    note(value, count);
  if ((value = asked("gate")))
    wait_for(value);
  if ((value = asked("sleep")))
    usleep((useconds_t)atoi(value) * 1000);
  if ((value = asked("stderr"))) {
    FCGX_FPrintF(request.err, "%s, by FCGI_STDERR\n", value);
    fprintf(stderr, "%s, by the process\n", value);
  }
  if (asked("vanish"))
    _exit(3);
  if (asked("silent"))
    for (;;)
      pause();
}

static void answer(long count)
{
  int64_t begin = processor_time();
  const char *value;
  if ((value = asked("burn")))
    burn(atoll(value));
  if ((value = asked("location"))) {
    FCGX_FPrintF(request.out, "Location: %s\r\n\r\n", value);
    return;
  }
  if ((value = asked("status")))
    FCGX_FPrintF(request.out, "Status: %s\r\n", value);
  if (asked("http"))
    FCGX_FPrintF(request.out, "HTTP/1.1 200 OK\r\n");
  FCGX_FPrintF(request.out, "X-Worker: %ld %ld\r\nX-Cpu-Ns: %ld\r\nContent-Type: text/plain\r\n\r\n", (long)getpid(),
               count, (long)(processor_time() - begin));
  if ((value = asked("hash")))
    return hash_body(value);
  if ((value = asked("file")))
    return send_file(value);
  // So that a script that asks with a number of its own can tell whose answer it got.
  value = FCGX_GetParam("QUERY_STRING", request.envp);
  FCGX_FPrintF(request.out, "you asked: %s\n", value);
  if (asked("halfway")) {
    FCGX_FFlush(request.out);
    _exit(3);
  }
}

int main(int argc, char **argv)
{
  long most = INT32_MAX;
  const char *address = NULL;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--requests") == 0)
      most = atol(argv[i + 1]);
    if (strcmp(argv[i], "--listen") == 0)
      address = argv[i + 1];
  }
  FCGX_Init();
  int socket = address ? FCGX_OpenSocket(address, 16) : 0;
  if (socket < 0 || FCGX_InitRequest(&request, socket, 0) != 0)
    return 71;
  for (long count = 1; FCGX_Accept_r(&request) == 0; count++) {
    prepare(count);
    answer(count);
    // Whatever is left of a body would be taken for the start of the next request: libfcgi skips nothing.
    static char rest[65536];
    while (FCGX_GetStr(rest, sizeof rest, request.in) > 0)
      continue;
    int is_last = count == most || asked("last") != NULL;
    // FCGX_Finish_r sends FCGI_END_REQUEST; the next FCGX_Accept_r would, too.
    FCGX_Finish_r(&request);
    if (is_last)
      return 0;
  }
  return 0;
}
