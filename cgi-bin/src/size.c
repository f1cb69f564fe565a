// Prints a body of exactly `?bytes=` bytes, for watching how a large answer passes through the gateway.
#include "cgi.h"

enum { DEFAULT_BYTES = 1024, LINE = 64, LINES = 1024 };

static const long MOST_BYTES = 1L << 30;

int main(void)
{
  long bytes = cgi_query_number("bytes", DEFAULT_BYTES, MOST_BYTES, "usage: size?bytes=N, N from 0 to 1073741824");
  // Lines of 64 bytes, so that a browser can show the text and an eye can count it.
  static char block[LINE * LINES];
  for (int i = 0; i < LINE * LINES; i++) block[i] = (i % LINE == LINE - 1) ? '\n' : (char)('0' + i % LINE % 10);
  printf("Content-Type: text/plain; charset=utf-8\nContent-Length: %ld\n\n", bytes);
  for (long left = bytes; left > 0;) {
    size_t part = left < (long)sizeof block ? (size_t)left : sizeof block;
    if (fwrite(block, 1, part, stdout) != part) return 1;
    left -= (long)part;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
