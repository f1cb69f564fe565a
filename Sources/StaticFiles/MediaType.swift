/// The media type that a file's name tells. `text/*` says UTF-8, which is what files are today.
enum MediaType {
  static let unknown: String = "application/octet-stream"

  /// - Parameter name: a file's name; what follows its last dot decides, without regard to case.
  static func of(name: ArraySlice<UInt8>) -> String {
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")), name.endIndex - dot <= 12 else { return unknown }
    let ending = String(decoding: name[(dot + 1)...], as: UTF8.self).lowercased()
    return byEnding[ending] ?? unknown
  }

  private static let byEnding: [String: String] = [
    "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8", "json": "application/json", "map": "application/json",
    "txt": "text/plain; charset=utf-8", "text": "text/plain; charset=utf-8", "log": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8", "xml": "text/xml; charset=utf-8",
    "c": "text/plain; charset=utf-8", "h": "text/plain; charset=utf-8", "swift": "text/plain; charset=utf-8",
    "xhtml": "application/xhtml+xml", "atom": "application/atom+xml", "rss": "application/rss+xml",
    "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "avif": "image/avif", "ico": "image/vnd.microsoft.icon", "bmp": "image/bmp",
    "tif": "image/tiff", "tiff": "image/tiff",
    "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav",
    "flac": "audio/flac", "m4a": "audio/mp4",
    "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg", "mkv": "video/matroska",
    "mov": "video/quicktime",
    "pdf": "application/pdf", "wasm": "application/wasm", "zip": "application/zip", "gz": "application/gzip",
    "tgz": "application/gzip", "tar": "application/x-tar", "xz": "application/x-xz", "zst": "application/zstd",
    "bz2": "application/x-bzip2", "7z": "application/x-7z-compressed", "deb": "application/vnd.debian.binary-package",
    "epub": "application/epub+zip", "ics": "text/calendar; charset=utf-8", "vtt": "text/vtt; charset=utf-8",
    "webmanifest": "application/manifest+json",
  ]
}
