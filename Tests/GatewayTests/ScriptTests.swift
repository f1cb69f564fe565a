import Glibc
import Kernel
import StaticFiles
import Testing

@testable import Gateway

@Suite struct ScriptTests {
  let site: Site
  let outer: Site
  let root: FileRoot
  let route: ServedRoute

  init() throws {
    site = try Site()
    outer = try Site()
    try outer.write("evil", "#!/bin/sh\n", mode: 0o755)
    try site.write("hello", "#!/bin/sh\necho hello\n", mode: 0o755)
    try site.write("sub/deep.pl", "#!/usr/bin/env -S perl -w\n", mode: 0o755)
    try site.write("plain", "#!/bin/sh\n", mode: 0o644)
    try site.write(".hidden", "#!/bin/sh\n", mode: 0o755)
    try site.write("sub/.env/run", "#!/bin/sh\n", mode: 0o755)
    try site.link("evil", to: outer["evil"])
    try site.link("alias", to: "hello")
    try #require(mkfifo(site["fifo"], 0o755) == 0)
    root = try site.root()
    let program = ProgramSettings(directory: site.path, root: root, documentRoot: "/srv")
    route = ServedRoute(Route(path: "/cgi-bin/", runs: .scripts(program), bill: .head), number: 0, siblings: 0..<1)
  }

  /// What a path below `/cgi-bin/` comes to, in words: the script and its PATH_INFO.
  private func find(_ path: String) -> String {
    switch route.resolve(array("/cgi-bin/" + path), mayWait: true) {
    case .program(let script):
      #expect(text(script.name) == "/cgi-bin/" + text(script.path) && text(script.documentRoot) == "/srv")
      #expect(text(script.filename) == site[text(script.path)])
      return "\(text(script.path)) \(script.pathInfo.map { text($0) } ?? "-")"
    case .notExecutable: return "not executable"
    case .other(.notFound): return "not found"
    case .other(.forbidden): return "forbidden"
    case .other(.outside): return "outside"
    case let resolved: return "\(resolved)"
    }
  }

  @Test(arguments: [
    ("hello", "hello -"), ("hello/", "hello /"), ("hello/a/b", "hello /a/b"), ("hello/.git/x", "hello /.git/x"),
    ("sub/deep.pl", "sub/deep.pl -"), ("sub/deep.pl/x", "sub/deep.pl /x"), ("alias/x", "alias /x"),
    ("", "not found"), ("sub", "not found"), ("sub/", "not found"), ("nothing", "not found"),
    ("nothing/hello", "not found"), (".hidden", "not found"), ("sub/.env/run", "not found"),
    ("plain", "not executable"), ("plain/x", "not executable"), ("fifo", "forbidden"), ("evil", "outside"),
  ])
  func aPathIsWalkedToItsScript(_ path: String, _ found: String) {
    #expect(find(path) == found)
  }

  @Test func withoutWaitingItIsTheSameOrToBeAskedAgain() {
    for path in ["/cgi-bin/hello/x", "/cgi-bin/plain", "/cgi-bin/nothing", "/cgi-bin/evil"] {
      switch route.resolve(array(path), mayWait: false) {
      case .program(let script): #expect(path == "/cgi-bin/hello/x" && text(script.pathInfo ?? []) == "/x")
      case .notExecutable: #expect(path == "/cgi-bin/plain")
      case .other(.notFound): #expect(path == "/cgi-bin/nothing")
      case .other(.outside): #expect(path == "/cgi-bin/evil")
      case .other(.wouldWait): break
      case let resolved: Issue.record("\(path): \(resolved)")
      }
    }
  }

  @Test(
    arguments: [
      ("#!/bin/sh\n", "sh"), ("#! /bin/sh -e\n", "sh"), ("#!/usr/bin/perl -T -w\r\n", "perl"), ("#!/bin/sh", "sh"),
      ("#!/usr/bin/env python3\nimport x\n", "python3"), ("#!/usr/bin/env -S awk -f\n", "awk"),
      ("#!/usr/bin/env\n", "env"), ("#!\t/usr/bin/awk\t-f\n", "awk"), ("\u{7F}ELF and so on", "native code"),
      ("echo without a first line\n", "native code"), ("#!\n", nil), ("#!   \n/bin/sh", nil),
      ("#!/" + String(repeating: "x", count: 300) + "\n", String(repeating: "x", count: 253)),
    ] as [(String, String?)])
  func theFirstLineNamesTheInterpreter(_ content: String, _ name: String?) throws {
    try site.write("script", content, mode: 0o755)
    let path = array("script")
    guard case .program(let found) = route.resolve(array("/cgi-bin/script"), mayWait: true),
      let status = found.status
    else {
      Issue.record("not found")
      return
    }
    #expect(found.interpreter.map { text($0) } == name)
    // Without waiting it is the same, or unknown.
    if let quick = Scripts.interpreter(root, path, status, mayWait: false) { #expect(text(quick) == name) }
  }
}
