// The page. Whatever was written by a stranger goes through `escaped`.

/// The entries below the form.
func page(of entries: [Entry]) -> String {
  """
  <h1>Guestbook</h1>
  <form method="post">
  <label for="name">Name</label>
  <input id="name" name="name" maxlength="\(Entry.nameLength)" autocomplete="name" required>
  <label for="message">Message</label>
  <textarea id="message" name="message" maxlength="\(Entry.messageLength)" rows="4" required></textarea>
  <button>Write it down</button>
  </form>
  <section aria-label="Entries">
  \(entries.isEmpty ? "<p>Nobody has written yet.</p>" : entries.map(article).joined(separator: "\n"))
  </section>
  """
}

/// Why a request is not done, and the way back.
func page(of refusal: Refusal, back: String) -> String {
  """
  <h1>That did not work</h1>
  <p>\(escaped(refusal.words))</p>
  <p><a href="\(escaped(percentEncoded(back)))">Back to the guestbook</a></p>
  """
}

private func article(_ entry: Entry) -> String {
  let moment = entry.written.split(separator: " ").joined(separator: "T") + "Z"
  return """
    <article>
    <h2><bdi>\(escaped(entry.name))</bdi> <time datetime="\(escaped(moment))">\(escaped(entry.written)) UTC</time></h2>
    <p dir="auto">\(escaped(entry.message))</p>
    </article>
    """
}

/// A text as it stands in HTML, between tags as well as between quotes.
func escaped(_ text: String) -> String {
  text.unicodeScalars.reduce(into: "") { html, scalar in
    switch scalar {
    case "&": html += "&amp;"
    case "<": html += "&lt;"
    case ">": html += "&gt;"
    case "\"": html += "&quot;"
    case "'": html += "&#39;"
    default: html.unicodeScalars.append(scalar)
    }
  }
}

/// The whole document. The style is in it, and allowed by a nonce: the page needs nothing else.
func document(_ main: String, nonce: String) -> String {
  """
  <!doctype html>
  <html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>Guestbook</title>
  <style nonce="\(nonce)">
  :root { color-scheme: light dark; --accent: #0b6e8a; --quiet: #595959; --line: #8886; }
  @media (prefers-color-scheme: dark) { :root { --accent: #6cc7e0; --quiet: #b0b0b0; } }
  * { box-sizing: border-box; }
  body { margin: 0; font: 1rem/1.55 system-ui, sans-serif; background: Canvas; color: CanvasText; }
  main { max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
  h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
  h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
  time { font-weight: normal; font-size: 0.85rem; color: var(--quiet); white-space: nowrap; margin-left: 0.5rem; }
  label { display: block; margin-top: 1rem; font-weight: 600; }
  input, textarea { width: 100%; padding: 0.5rem; font: inherit; border: 1px solid GrayText; border-radius: 4px; }
  textarea { resize: vertical; }
  button { margin-top: 1rem; padding: 0.5rem 1rem; font: inherit; cursor: pointer; }
  section { margin-top: 2rem; }
  article { padding: 0.9rem 0; border-top: 1px solid var(--line); }
  article p { margin: 0.25rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
  a { color: var(--accent); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
  </style>
  <main>
  \(main)
  </main>

  """
}
