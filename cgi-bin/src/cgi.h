// What the C samples share: a number out of the query string, and a refusal that RFC 3875, section 6.3.3, describes.
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Answers 400 with one line of text and ends the program: a CGI script that has refused has nothing left to do.
static inline void cgi_refuse(const char *why)
{
  printf("Status: 400 Bad Request\nContent-Type: text/plain; charset=utf-8\n\n%s\n", why);
  exit(0);
}

// Gives the number in a query string of exactly the form `name=digits`; `fallback` where there is no query.
// Anything else, and a number above `most`, is refused with `usage`.
static inline long cgi_query_number(const char *name, long fallback, long most, const char *usage)
{
  const char *query = getenv("QUERY_STRING");
  if (query == NULL || *query == '\0') return fallback;
  size_t length = strlen(name);
  if (strncmp(query, name, length) != 0 || query[length] != '=') cgi_refuse(usage);
  const char *digits = query + length + 1;
  if (*digits == '\0') cgi_refuse(usage);
  long value = 0;
  for (; *digits != '\0'; digits++) {
    if (*digits < '0' || *digits > '9') cgi_refuse(usage);
    value = value * 10 + (*digits - '0');
    // Compared in the loop, so that a long row of digits cannot overflow.
    if (value > most) cgi_refuse(usage);
  }
  return value;
}
