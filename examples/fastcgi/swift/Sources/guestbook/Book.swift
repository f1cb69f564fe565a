// The database: one file that every worker has open.

import CSQLite
import Glibc

/// What SQLite says to a call that fails.
struct DatabaseError: Error, CustomStringConvertible {
  let code: Int32
  let description: String
}

/// The entries, in a table of SQLite.
final class Book {
  /// The most that are shown, and the most that are kept: what strangers write must not fill the disk.
  static let shown = 50
  static let kept = 10_000

  private let database: OpaquePointer
  private let insert: OpaquePointer
  private let trim: OpaquePointer
  private let select: OpaquePointer

  /// Opens the database, and makes the file and the table where they are not there.
  init(path: String) throws {
    var opened: OpaquePointer?
    let result = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
    guard result == SQLITE_OK, let opened else {
      defer { sqlite3_close(opened) }
      throw DatabaseError(code: result, description: "\(path): \(String(cString: sqlite3_errstr(result)))")
    }
    database = opened
    sqlite3_busy_timeout(opened, 5000)
    try Self.useWriteAheadLog(opened)
    try Self.run(
      opened,
      """
      CREATE TABLE IF NOT EXISTS entry (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL, written INTEGER NOT NULL
      ) STRICT
      """)
    insert = try Self.prepare(opened, "INSERT INTO entry (name, message, written) VALUES (?, ?, unixepoch())")
    trim = try Self.prepare(opened, "DELETE FROM entry WHERE id <= last_insert_rowid() - \(Self.kept)")
    select = try Self.prepare(
      opened,
      """
      SELECT name, message, strftime('%Y-%m-%d %H:%M', written, 'unixepoch') FROM entry
      ORDER BY id DESC LIMIT \(Self.shown)
      """)
  }

  deinit {
    for statement in [insert, trim, select] { sqlite3_finalize(statement) }
    sqlite3_close(database)
  }

  func add(_ entry: Entry) throws {
    // Asked for the right to write at the start: a transaction that began with reading might not get it at all.
    try Self.run(database, "BEGIN IMMEDIATE")
    do {
      try bind([entry.name, entry.message], to: insert)
      try step(insert)
      try step(trim)
      try Self.run(database, "COMMIT")
    } catch {
      try? Self.run(database, "ROLLBACK")
      throw error
    }
  }

  /// The last entries, the newest first.
  func latest() throws -> [Entry] {
    var entries: [Entry] = []
    defer { sqlite3_reset(select) }
    while try row(of: select) {
      entries.append(Entry(name: text(0, of: select), message: text(1, of: select), written: text(2, of: select)))
    }
    return entries
  }

  private func text(_ column: Int32, of statement: OpaquePointer) -> String {
    sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
  }

  private func bind(_ texts: [String], to statement: OpaquePointer) throws {
    // SQLITE_TRANSIENT, a macro that Swift does not see: SQLite makes copies of its own.
    let transient = unsafeBitCast(OpaquePointer(bitPattern: -1), to: sqlite3_destructor_type.self)
    for (number, text) in texts.enumerated() {
      let result = sqlite3_bind_text(statement, Int32(number + 1), text, -1, transient)
      guard result == SQLITE_OK else { throw Self.error(database, result) }
    }
  }

  private func step(_ statement: OpaquePointer) throws {
    defer { sqlite3_reset(statement) }
    while try row(of: statement) {}
  }

  private func row(of statement: OpaquePointer) throws -> Bool {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: true
    case SQLITE_DONE: false
    case let result: throw Self.error(database, result)
    }
  }

  /// Readers and the writer do not wait for each other then. The first to open a new file changes it, and the others,
  /// which SQLite refuses meanwhile without a wait, try again.
  private static func useWriteAheadLog(_ database: OpaquePointer) throws {
    for attempt in 1... {
      do {
        try run(database, "PRAGMA journal_mode = WAL")
        return try run(database, "PRAGMA synchronous = NORMAL")
      } catch let error as DatabaseError where error.code == SQLITE_BUSY && attempt < 100 {
        usleep(50_000)
      }
    }
  }

  private static func run(_ database: OpaquePointer, _ statement: String) throws {
    let result = sqlite3_exec(database, statement, nil, nil, nil)
    guard result == SQLITE_OK else { throw error(database, result) }
  }

  private static func prepare(_ database: OpaquePointer, _ text: String) throws -> OpaquePointer {
    var statement: OpaquePointer?
    let result = sqlite3_prepare_v2(database, text, -1, &statement, nil)
    guard result == SQLITE_OK, let statement else { throw error(database, result) }
    return statement
  }

  private static func error(_ database: OpaquePointer, _ code: Int32) -> DatabaseError {
    DatabaseError(code: code & 0xFF, description: "SQLite: \(String(cString: sqlite3_errmsg(database)))")
  }
}
