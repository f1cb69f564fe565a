// The rules of the house, held against the tree as it is.
import Foundation
import Testing

/// Fails with every fault on a line of its own.
private func expectNone(_ faults: [Fault], sourceLocation: SourceLocation = #_sourceLocation) {
  let report = faults.map(\.description).joined(separator: "\n")
  #expect(faults.isEmpty, "\(faults.count) faults:\n\(report)", sourceLocation: sourceLocation)
}

@Suite("The tree keeps the rules of the house")
struct TreeTests {
  @Test("Every folder of Sources is in the table and the README, and the files that are walked are really there")
  func everyFolderIsInTheTable() throws {
    let folders = try SourceTree.folders(in: "Sources")
    let readme = try SourceTree.text("README.md")
    #expect(folders.count >= 10)
    for folder in folders {
      #expect(House.names.contains(folder), "Sources/\(folder) is not in the table")
      #expect(readme.contains("`Sources/\(folder)`"), "Sources/\(folder) is not in the README")
    }
    for folder in folders {
      #expect(SourceTree.files.contains { module(of: $0.path) == folder }, "no file of Sources/\(folder) was read")
    }
  }

  @Test("Imports and includes follow the table")
  func importsFollowTheTable() throws {
    var headers: [String: String] = [:]
    for file in SourceTree.files where file.path.contains("/include/") && language(of: file) == .c {
      headers[file.name] = module(of: file.path)
    }
    #expect(headers["CKernel.h"] == "CKernel")
    expectNone(SourceTree.files.flatMap { importFaults($0, headers: headers) })
  }

  @Test("Package.swift agrees with the table and builds the wire modules strictly")
  func packageAgreesWithTheTable() throws {
    let manifest = try SourceTree.text("Package.swift")
    expectNone(packageFaults(in: manifest))
    let targets = packageTargets(in: manifest)
    var built = targets.filter { $0.kind != "testTarget" }.map(\.name)
    // The one program without Swift is compiled without the package manager.
    let script = try SourceTree.text("tools/build.sh")
    #expect(script.contains("Sources/Spawner/*.c") && !built.contains("Spawner"))
    built.append("Spawner")
    #expect(try built.sorted() == SourceTree.folders(in: "Sources").sorted())
    expectNone(SourceTree.files.flatMap { undeclaredImports($0, targets: targets) })
  }

  @Test("No line is over 120 columns and no file over 500 lines")
  func lengthsHold() {
    let measured = SourceTree.files.filter(isMeasured)
    #expect(measured.contains { $0.path == "Makefile" } && measured.contains { $0.path == "Package.swift" })
    expectNone(measured.flatMap(lengthFaults))
  }

  @Test("No function is over 70 lines")
  func functionsAreShort() {
    expectNone(SourceTree.files.flatMap(functionFaults))
  }

  @Test("Unsafe constructs stand only where pointers come from the kernel or from C")
  func unsafeStaysInItsPlace() {
    expectNone(unsafeFaults(SourceTree.files))
  }

  @Test("Nothing was left to be done without a reason, and no path is of one machine")
  func nothingWasLeft() {
    expectNone(SourceTree.files.flatMap { leftoverFaults($0) + homePathFaults($0) })
  }

  @Test("What a build makes is ignored and not tracked")
  func builtFilesAreNotTracked() throws {
    let ignored = try SourceTree.text(".gitignore").split(separator: "\n")
    #expect(ignored.contains(".build/") && ignored.contains("Package.resolved"))
    // Outside of a work tree, as in an unpacked archive, nothing is tracked.
    guard FileManager.default.fileExists(atPath: SourceTree.root.appendingPathComponent(".git").path) else { return }
    let tracked = try trackedPaths()
    #expect(tracked.contains("Package.swift"))
    expectNone(builtPaths(among: tracked))
  }
}

/// The paths that git tracks.
private func trackedPaths() throws -> [String] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  // The tree may be another user's than the one who runs the tests, which git refuses unless it is told.
  process.arguments = ["git", "-c", "safe.directory=*", "-C", SourceTree.root.path, "ls-files"]
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "git ls-files failed")
  return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
}
