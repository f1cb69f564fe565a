// A TOML document as a flat list of its values, each with the line and column of its key and of itself. Read by
// toml++, behind an interface of C.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ctoml_type {
  CTOML_TABLE,
  CTOML_ARRAY,
  CTOML_STRING,
  CTOML_INTEGER,
  CTOML_FLOAT,
  CTOML_BOOLEAN,
  // A date, a time, or both.
  CTOML_DATE,
};

// Counted from 1, columns in code points; 0 where there is no such place.
struct ctoml_place {
  uint32_t line, column;
};

// Not ended by a NUL, and one may stand in it. Valid as long as its document.
struct ctoml_text {
  const char *bytes;
  size_t count;
};

struct ctoml_node {
  enum ctoml_type type;
  // Where it is an entry of a table. Empty for the document itself and the elements of arrays.
  struct ctoml_text key;
  struct ctoml_place key_place;
  struct ctoml_place place;
  // Of a table or an array: how many entries it has. They follow it, each with all that is in it.
  size_t count;
  struct ctoml_text text;
  int64_t integer;
  double number;
  int boolean;
};

// Why a document could not be read.
struct ctoml_fault {
  struct ctoml_place place;
  // In words, cut where they are too long, ended by a NUL.
  char words[256];
};

// How deep values may lie in each other, and of how many parts a dotted key may be: what lies deep is gone through by
// recursion, whose stack ends.
static const unsigned CTOML_DEPTH = 16;

struct ctoml_document;

// Reads a document. Gives NULL and fills *fault where it cannot. Throws nothing.
struct ctoml_document *ctoml_parse(const char *bytes, size_t count, struct ctoml_fault *fault);

// The nodes: the document's own table first, each before what is in it. Entries of a table come in the order of their
// keys, not of their lines.
const struct ctoml_node *ctoml_nodes(const struct ctoml_document *document, size_t *count);

void ctoml_free(struct ctoml_document *document);

#ifdef __cplusplus
}
#endif
