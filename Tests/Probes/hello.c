// The small program that the probe runs: a CGI answer of a few lines.
#include <stdio.h>

int main(void) {
  puts("Content-Type: text/plain\r\n\r\nhello");
  return 0;
}
