// The programs that are tested, built as people build them, and workers of them.
import Foundation

let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// A program that ran to its end.
struct Outcome {
  var status: Int32
  var output: [UInt8]
  var errors: String
}

@discardableResult
func run(_ program: String, _ arguments: [String], _ variables: [String: String] = [:], input: [UInt8] = []) throws
  -> Outcome
{
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
  let folder = try temporaryFolder()
  defer { try? FileManager.default.removeItem(at: folder) }
  // Files, since they take and give any number of bytes without anybody waiting.
  let names = ["input", "output", "errors"].map { folder.appendingPathComponent($0) }
  try Data(input).write(to: names[0])
  for name in names[1...] { try Data().write(to: name) }
  process.standardInput = try FileHandle(forReadingFrom: names[0])
  process.standardOutput = try FileHandle(forWritingTo: names[1])
  process.standardError = try FileHandle(forWritingTo: names[2])
  try process.run()
  process.waitUntilExit()
  return Outcome(
    status: process.terminationStatus, output: Array(try Data(contentsOf: names[1])),
    errors: try String(contentsOf: names[2], encoding: .utf8))
}

func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fastcgi-\(UUID().uuidString.prefix(8))")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

enum Programs {
  /// The workers of examples/fastcgi/, as the sample site has them.
  static let examples = Result {
    let folder = root.appendingPathComponent(".build/fastcgi-tests")
    let outcome = try run(root.appendingPathComponent("tools/fastcgi.sh").path, [folder.path])
    guard outcome.status == 0 else { throw HarnessError(description: outcome.errors + text(outcome)) }
    return folder
  }

  /// `hello` of README.md and `worker` of Tests/Probes/, in a package that depends on this one as its README says.
  static let outside = Result {
    let folder = root.appendingPathComponent(".build/outside")
    let manifest = try readmeBlock(from: "// swift-tools-version")
      .replacing("path: \"../tollgate\"", with: "path: \"../..\"")
    // Another executable, like the first.
    let target = manifest.split(separator: "\n").first { $0.contains(".executableTarget(") } ?? ""
    let both = manifest.replacing(target, with: target + ",\n" + target.replacing("\"hello\"", with: "\"worker\""))
    try write(both, to: folder.appendingPathComponent("Package.swift"))
    try write(readmeBlock(from: "import FastCGIApp"), to: folder.appendingPathComponent("Sources/hello/main.swift"))
    let worker = try String(contentsOf: root.appendingPathComponent("Tests/Probes/worker.swift"), encoding: .utf8)
    try write(worker, to: folder.appendingPathComponent("Sources/worker/main.swift"))
    let outcome = try run("swift", ["build", "--package-path", folder.path])
    guard outcome.status == 0, !text(outcome).contains("warning:") else {
      throw HarnessError(description: outcome.errors + text(outcome))
    }
    return folder.appendingPathComponent(".build/debug")
  }

  /// The lines of README.md's indented block that begins with `start`, without the indentation.
  static func readmeBlock(from start: String) throws -> String {
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
    let block = lines.drop { !$0.hasPrefix("    " + start) }.prefix { $0.isEmpty || $0.hasPrefix("    ") }
    guard !block.isEmpty else { throw HarnessError(description: "README.md has no block from \(start)") }
    return block.map { $0.dropFirst(4) }.joined(separator: "\n").trimmingCharacters(in: .newlines) + "\n"
  }

  private static func text(_ outcome: Outcome) -> String { String(decoding: outcome.output, as: UTF8.self) }

  /// Writes a file where it has another content: one that is as it was need not be compiled again.
  private static func write(_ content: String, to file: URL) throws {
    if (try? String(contentsOf: file, encoding: .utf8)) == content { return }
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try content.write(to: file, atomically: true, encoding: .utf8)
  }
}

/// A worker with a listening socket of its own as descriptor 0. It is killed when nobody holds it any more.
final class WorkerProcess {
  let path: String
  private let folder: URL
  private let process = Process()

  init(_ program: String, _ arguments: [String] = [], _ variables: [String: String] = [:]) throws {
    folder = try temporaryFolder()
    let path = folder.appendingPathComponent("socket").path
    self.path = path
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(listener) }
    guard withSocketAddress(path, { bind(listener, $0, $1) }) == 0, listen(listener, 16) == 0 else {
      throw HarnessError(description: "listen \(path): errno \(errno)")
    }
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    process.standardInput = FileHandle(fileDescriptor: listener, closeOnDealloc: false)
    let errors = folder.appendingPathComponent("errors")
    try Data().write(to: errors)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  var pid: Int32 { process.processIdentifier }

  /// What it wrote to its own standard error.
  var errors: String {
    (try? String(contentsOf: folder.appendingPathComponent("errors"), encoding: .utf8)) ?? ""
  }

  func connect() throws -> Client { try Client(path: path, of: self) }

  func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for its end.
  /// - Returns: its exit code, or the negative number of the signal that ended it; nil where it runs on.
  func ending() -> Int32? {
    for _ in 0..<3000 where process.isRunning { usleep(10_000) }
    guard !process.isRunning else { return nil }
    return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  }
}
