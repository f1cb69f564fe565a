// The smallest answer a program can give: what it costs is the making of a process and nothing else.
#include <stdio.h>
#include <unistd.h>

int main(void)
{
  printf("Content-Type: text/plain; charset=utf-8\n\n");
  printf("Hello from C. Process %ld was made for this request alone.\n", (long)getpid());
  return 0;
}
