// Each rule on a small example that breaks it: a rule that cannot fail holds nothing.
import Testing

private func file(_ path: String, _ text: String) -> SourceFile { SourceFile(path: path, text: text) }

@Suite("The rules find what breaks them")
struct RuleTests {
  @Test("The table itself only points upward, and no two rows are of one name")
  func tablePointsUpward() {
    #expect(House.names.count == House.rules.count)
    for (index, rule) in House.rules.enumerated() {
      let above = Set(House.rules.prefix(index).map(\.name))
      #expect(House.imports(rule).isSubset(of: above), "\(rule.name)")
    }
  }

  @Test(
    "An import downward, of a stranger, or of Foundation is a fault",
    arguments: [
      ("Kernel", "import Gateway"), ("HTTPWire", "import Kernel"), ("HTTPWire", "import Glibc"),
      ("Gateway", "import Admin"), ("Lab", "public import Admin"), ("CGI", "import Foundation"),
      ("tollgate", "import Foundation"), ("Gateway", "import FoundationEssentials"), ("CGI", "import Logging"),
      ("Costs", "@preconcurrency import struct Gateway.Route"), ("Gateway", "import Spawner"),
      ("WorkerPool", "let a = 1; import Glibc"),
    ])
  func wrongImportsAreFaults(module: String, text: String) {
    let faults = importFaults(file("Sources/\(module)/a.swift", text), headers: [:])
    #expect(faults.count == 1, "\(faults)")
  }

  @Test(
    "What the table allows is no fault, nor is an import that is no code",
    arguments: [
      ("Gateway", "import EventLoop\nimport DequeModule\nimport Glibc"), ("tollgate", "import FoundationEssentials"),
      ("Lab", "import Gateway"), ("Kernel", "import CKernel\nimport SystemPackage"),
      ("HTTPWire", "// import Kernel\nlet a = \"import Kernel\"\nlet b = important"), ("Log", "import Log"),
    ])
  func rightImportsAreNoFaults(module: String, text: String) {
    #expect(importFaults(file("Sources/\(module)/a.swift", text), headers: [:]) == [])
  }

  @Test("A C module includes only what the table allows")
  func wrongIncludesAreFaults() {
    let headers = ["CKernel.h": "CKernel", "SpawnProtocol.h": "SpawnProtocol"]
    func faults(_ module: String, _ text: String) -> [Int] {
      importFaults(file("Sources/\(module)/a.c", text), headers: headers).map(\.line)
    }
    #expect(faults("Spawner", "#include <stdio.h>\n#include \"SpawnProtocol.h\"\n") == [])
    #expect(faults("Spawner", "\n # include \"CKernel.h\"\n") == [2])
    #expect(faults("SpawnProtocol", "#include <CKernel.h>") == [1])
    #expect(faults("Spawner", "#include \"../SpawnProtocol/include/SpawnProtocol.h\"") == [1])
    #expect(faults("Spawner", "// #include \"CKernel.h\"") == [])
  }

  @Test(
    "Unsafe constructs are faults where they do not belong",
    arguments: [
      "withUnsafe" + "Bytes(of: a) { _ in }", "let p: Unsafe" + "RawPointer", "unsafe" + " f()",
      "nonisolated(unsafe" + ") var a = 1", "struct S: @un" + "checked Sendable {}",
      "let u = Unmanaged" + ".passRetained(a)",
      "let s = a.withContiguousStorage { $0.isEmpty } + unsafe" + "BitCast(a, to: Int.self)",
    ])
  func unsafeUsesAreFaults(text: String) {
    for name in ["HTTPWire", "Gateway", "tollgate", "Configuration"] {
      #expect(!unsafeFaults([file("Sources/\(name)/a.swift", text)]).isEmpty, "\(name)")
    }
    for name in ["Kernel", "Processes", "FastCGIApp"] {
      #expect(unsafeFaults([file("Sources/\(name)/a.swift", text)]) == [])
    }
    #expect(unsafeFaults([file("Sources/CGI/a.swift", "// \(text)\nlet a = \"unsafe\"")]) == [])
  }

  @Test("Configuration has one file over CTOML, and only that may be unsafe")
  func oneFileOverTOMLMayBeUnsafe() {
    let text = "import CTOML\nlet p: OpaquePointer"
    let first = file("Sources/Configuration/Document.swift", text)
    let second = file("Sources/Configuration/Other.swift", text)
    #expect(unsafeFaults([first]) == [])
    #expect(unsafeFaults([first, second]).map(\.path) == [second.path])
  }

  @Test("A line of 121 columns and a file of 501 lines are faults, one less is none")
  func lengthsAreHeld() {
    let wide = String(repeating: "ü", count: 120)
    #expect(lengthFaults(file("a.swift", wide + "\n")) == [])
    #expect(lengthFaults(file("a.swift", "\n" + wide + "x\n")).map(\.line) == [2])
    #expect(lengthFaults(file("a.sh", String(repeating: "\n", count: 500))) == [])
    #expect(lengthFaults(file("a.sh", String(repeating: "\n", count: 501))).count == 1)
    for path in ["Makefile", "tools/a.sh", ".ci/run", "Sources/A/a.h", "cgi-bin/a.awk"] {
      #expect(isMeasured(file(path, "")), "\(path)")
    }
  }

  @Test(
    "Leftovers are faults, a later task with its reason is none",
    arguments: [
      ("// FIX" + "ME: later", 1), ("// To be " + "filled.", 1), ("// TO" + "DO", 1), ("// TO" + "DO: soon", 1),
      ("// TO" + "DO: measure again when kernels before 6.1 are gone", 0), ("// done", 0),
    ])
  func leftoversAreFaults(text: String, count: Int) {
    #expect(leftoverFaults(file("a.swift", text)).count == count)
  }

  @Test(
    "Paths of a home directory are faults",
    arguments: [
      ("cp /ho" + "me/ada/a .", 1), ("\"/ro" + "ot/.cache\"", 1), ("=/Us" + "ers/ada", 1), ("site/ro" + "ot/a", 0),
      ("/ro" + "ot/*", 0),
    ])
  func homePathsAreFaults(text: String, count: Int) {
    #expect(homePathFaults(file("a.sh", text)).count == count)
  }

  @Test("Tracked results of a build are faults")
  func trackedResultsAreFaults() {
    let paths = ["a.swift", ".build/x", ".build-fuzz/y", "Package.resolved", "b.o", "docs/building.md"]
    #expect(builtPaths(among: paths).map(\.path) == [".build/x", ".build-fuzz/y", "Package.resolved", "b.o"])
  }
}

@Suite("The manifest's rules")
struct PackageRuleTests {
  private let strict = """
    let strictlySafe: [SwiftSetting] = [
      .strictMemorySafety(), .treatWarning("StrictMemorySafety", as: .error),
    ]

    """

  @Test("Targets are read with their kinds, dependencies and products")
  func targetsAreRead() {
    let targets = packageTargets(
      in: """
        .executable(name: "x", targets: ["Spawner"]), // .target(name: "No")
        .target(name: "Log", dependencies: ["Kernel", .product(name: "Logging", package: "swift-log"), "Costs"]),
        .testTarget(name: "LogTests", dependencies: [.target(name: "Log")], resources: [.copy("a")]),
        """)
    #expect(targets.map(\.name) == ["Log", "LogTests"])
    #expect(targets[0].targets == ["Kernel", "Costs"] && targets[0].products == ["Logging"])
    #expect(targets[1].kind == "testTarget" && targets[1].targets == ["Log"])
  }

  @Test("A manifest that keeps the rules has no fault")
  func rightManifestHasNoFault() {
    let manifest =
      strict + """
        .target(name: "HTTPWire", swiftSettings: strictlySafe),
        .target(name: "CGI", dependencies: ["HTTPWire"]),
        .testTarget(name: "CGITests", dependencies: ["CGI", "HTTPWire"]),
        """
    #expect(packageFaults(in: manifest) == [])
  }

  @Test(
    "What breaks the rules is a fault",
    arguments: [
      #".target(name: "Kernel", dependencies: ["Gateway"])"#, #".target(name: "HTTPWire")"#, #".target(name: "Stray")"#,
      #".target(name: "CGI", dependencies: [.product(name: "Logging", package: "swift-log")])"#,
      #".target(name: "CGI", swiftSettings: [.unsafeF"# + #"lags(["-Ounchecked"])])"#,
    ])
  func wrongManifestsAreFaults(target: String) {
    #expect(packageFaults(in: strict + target).count == 1)
  }

  @Test("Settings that are not strict are a fault")
  func laxSettingsAreFaults() {
    #expect(packageFaults(in: "let strictlySafe: [SwiftSetting] = [.strictMemorySafety()]").count == 1)
    #expect(packageFaults(in: strict.replacing(".strictMemorySafety(),", with: "")).count == 1)
  }

  @Test("An import that the manifest does not declare is a fault, in tests too")
  func undeclaredImportsAreFaults() {
    let targets = packageTargets(
      in: #".target(name: "CGI", dependencies: ["HTTPWire"]), .testTarget(name: "CGITests", dependencies: ["CGI"])"#)
    let inTests = SourceFile(path: "Tests/CGITests/a.swift", text: "import Testing\nimport CGI\nimport HTTPWire")
    #expect(undeclaredImports(inTests, targets: targets).map(\.line) == [3])
    #expect(undeclaredImports(SourceFile(path: "Sources/CGI/a.swift", text: "import HTTPWire"), targets: targets) == [])
  }
}
