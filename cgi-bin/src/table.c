// The times table: the same small page as every `table` of this site, here by a process of C for each request.
#include <stdio.h>

int main(void)
{
  fputs("Content-Type: text/html; charset=utf-8\n\n"
        "<!doctype html>\n"
        "<html lang=\"en\">\n"
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>The times table</title>\n"
        "<link rel=\"stylesheet\" href=\"/table.css\">\n"
        "<h1>The times table</h1>\n"
        "<table>\n",
        stdout);
  for (int row = 1; row <= 12; row++) {
    printf("<tr><th>%d", row);
    for (int column = 1; column <= 12; column++) printf("<td>%d", row * column);
    putchar('\n');
  }
  fputs("</table>\n<p>Twelve rows, made anew for each request, or once for all.</p>\n", stdout);
  return 0;
}
