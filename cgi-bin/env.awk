#!/usr/bin/awk -f
# Shows the meta-variables of the request (RFC 3875, section 4.1) as a table: first those the standard names, then the
# header fields of the request, then what else is in the environment.

function escaped(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  gsub(/"/, "\\&quot;", text)
  return text
}

# The group of a name: 1 for the standard's own variables, 2 for header fields, 3 for the rest.
function group(name) {
  if (name in standard) return 1
  return name ~ /^HTTP_/ ? 2 : 3
}

# Not every awk can sort, and there are only some dozens of names: by insertion.
function sort(names, count,   i, j, held) {
  for (i = 2; i <= count; i++) {
    held = names[i]
    for (j = i - 1; j >= 1 && names[j] > held; j--) names[j + 1] = names[j]
    names[j + 1] = held
  }
}

function table(title, wanted,   i, rows) {
  rows = 0
  for (i = 1; i <= count; i++) {
    if (group(names[i]) != wanted) continue
    if (rows++ == 0) printf "<h2>%s</h2>\n<table>\n", title
    printf "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", escaped(names[i]), escaped(ENVIRON[names[i]])
  }
  if (rows > 0) print "</table>"
}

BEGIN {
  listed = "AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE PATH_INFO PATH_TRANSLATED QUERY_STRING "
  listed = listed "REMOTE_ADDR REMOTE_HOST REMOTE_IDENT REMOTE_USER REQUEST_METHOD SCRIPT_NAME SERVER_NAME "
  listed = listed "SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE"
  fields = split(listed, parts, " ")
  for (i = 1; i <= fields; i++) standard[parts[i]] = 1

  count = 0
  for (name in ENVIRON) names[++count] = name
  sort(names, count)

  print "Content-Type: text/html; charset=utf-8\n"
  print "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">"
  print "<meta name=\"viewport\" content=\"width=device-width\">"
  print "<meta name=\"color-scheme\" content=\"light dark\">"
  print "<link rel=\"stylesheet\" href=\"/style.css\">\n<title>Meta-variables</title>"
  print "<main>\n<h1>Meta-variables</h1>\n<p>What the gateway told this script about your request."
  table("Named by RFC 3875", 1)
  table("Header fields of the request", 2)
  table("Everything else", 3)
  print "<p><a href=\"/\">Back to the start</a>\n</main>\n</html>"
}
