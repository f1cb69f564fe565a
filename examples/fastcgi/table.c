// The times table as a FastCGI worker in C. With fcgi_stdio.h a CGI program becomes one by a loop around it: printf
// writes to the request in hand, and a program that is not started as a worker runs as a CGI program, once.
#include <fcgi_stdio.h>
#include <unistd.h>

static void print_table(void)
{
  printf("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>The times table</title>\n"
         "<link rel=\"stylesheet\" href=\"/table.css\">\n<h1>The times table</h1>\n<table>\n");
  for (int row = 1; row <= 12; row++) {
    printf("<tr><th>%d", row);
    for (int column = 1; column <= 12; column++)
      printf("<td>%d", row * column);
    printf("\n");
  }
  printf("</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>\n");
}

int main(void)
{
  for (long count = 1; FCGI_Accept() >= 0; count++) {
    // Whatever is left of a request's body would be taken for the start of the next request: libfcgi skips nothing.
    static char rest[8192];
    while (fread(rest, 1, sizeof rest, stdin) > 0)
      continue;
    printf("Content-Type: text/html; charset=utf-8\r\nX-Worker: %ld %ld\r\n\r\n", (long)getpid(), count);
    print_table();
  }
  return 0;
}
