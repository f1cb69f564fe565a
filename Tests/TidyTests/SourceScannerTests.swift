// The scanner that the rules rest on: comments and quoted text are not code, whatever they look like.
import Testing

@Suite("The source scanner")
struct SourceScannerTests {
  @Test("Comments become spaces, line by line, and Swift's may be nested")
  func commentsAreNotCode() {
    let text = "a // {\nb /* { /* } */ { */ c\n"
    let code = SourceScanner.code(of: text, .swift)
    #expect(code.split(separator: "\n").map { $0.filter { $0 != " " } } == ["a", "bc"])
    #expect(code.utf8.count == text.utf8.count)
    let inC = SourceScanner.code(of: "b /* { /* */ c", .c)
    #expect(inC.filter { $0 != " " } == "bc")
  }

  @Test(
    "Quoted text is not code in any of Swift's ways to quote",
    arguments: [
      #"a("{")"#, #"a("\"{")"#, "a(#\"\"{\"#)", "a(\"\"\"\n{ \" {\n\"\"\")", "a(#/{/#)", "a(/{/)",
      "a(\"\\u{7B}\")", "a(##\"\"#{\"##)",
    ])
  func quotedTextIsNotCode(text: String) {
    let code = SourceScanner.code(of: text, .swift)
    #expect(!code.contains("{"), "\(code)")
    #expect(code.hasSuffix(")"))
  }

  @Test("An interpolation is code, with quotes of its own inside")
  func interpolationIsCode() {
    let code = SourceScanner.code(of: #""{ \(list.map { "{\($0)" }.count) }" + x"#, .swift)
    #expect(code.filter { "{}".contains($0) } == "{}")
    #expect(code.contains("list.map") && code.hasSuffix("+ x"))
    let raw = SourceScanner.code(of: ##"#"\(no {) \#(yes)"#"##, .swift)
    #expect(raw.contains("yes") && !raw.contains("no"))
  }

  @Test("A division is no regular expression")
  func divisionIsCode() {
    #expect(SourceScanner.code(of: "let a = b / c { d / e }", .swift).contains("{ d / e }"))
    #expect(SourceScanner.code(of: "let f = fold(/, g)\n{ h(/) }", .swift).contains("{ h(/) }"))
  }

  @Test("C's strings and characters are not code")
  func quotedTextOfCIsNotCode() {
    let code = SourceScanner.code(of: #"f('{', "\"{", '\'', "//") }"#, .c)
    #expect(code.filter { "{}/".contains($0) } == "}")
  }

  @Test("Quoted text is kept on demand, and comments go all the same")
  func quotedTextIsKeptOnDemand() {
    let code = SourceScanner.code(of: "a(\"// b\") // \"c\"", .swift, keepsQuotedText: true)
    #expect(code.contains("\"// b\"") && !code.contains("c"))
  }
}

@Suite("The lengths of functions")
struct FunctionLengthTests {
  private func lengths(_ text: String, _ language: SourceLanguage) throws -> [String: Int] {
    try Dictionary(functionExtents(in: text, language).map { ($0.name, $0.lines) }) { first, _ in first }
  }

  @Test("Swift's functions, initializers, subscripts and computed properties are found, nested ones too")
  func swiftFunctionsAreFound() throws {
    let text = """
      protocol P { func none(); var also: Int { get } }
      struct S {
        init(_ a: Int = { 1 }()) {
          self.init(a)
        }
        func f<T>(x: [T]) async throws -> T
        where T: P {
          func g() { print("}") }
          return .init { 2 }
        }
        subscript(i: Int) -> Int { i }
        var p: Int {
          get { 1 }
        }
        var stored = 3
        var made: Int = {
          4
        }()
        deinit {}
      }
      """
    let found = try lengths(text, .swift)
    #expect(found == ["also": 1, "init": 3, "f": 5, "g": 1, "subscript": 1, "p": 3, "deinit": 1])
  }

  @Test("C's functions are found, and neither initializers, control flow nor macros are taken for one")
  func cFunctionsAreFound() throws {
    let text = """
      #define M(x) do { \\
        x } while (0) {
      struct s { int a; };
      static const struct s table[] = { { 1 }, { 2 } };
      static int
      f(void (*g)(int), int b)
      {
        if (b) { return '}'; }
        return 0;
      }
      extern "C" {
      int h(void) { return 1; }
      }
      """
    #expect(try lengths(text, .c) == ["f": 5, "h": 1])
  }

  @Test(
    "A brace without its counterpart is said, with its line",
    arguments: [
      ("{\n}\n}", 3), ("\nf() {", 2),
    ])
  func unbalancedBracesAreSaid(text: String, line: Int) {
    #expect(throws: UnbalancedBraces(line: line)) { try functionExtents(in: text, .swift) }
  }

  @Test("A function of 71 lines is a fault, one of 70 is none", arguments: [(68, 0), (69, 1)])
  func longFunctionsAreFaults(inner: Int, faults: Int) {
    let body = String(repeating: "  g();\n", count: inner)
    for (type, head) in [("swift", "func f() {\n"), ("c", "int f(void) {\n")] {
      let file = SourceFile(path: "Sources/Kernel/a.\(type)", text: head + body + "}\n")
      #expect(functionFaults(file).count == faults)
    }
    #expect(functionFaults(SourceFile(path: "Sources/Kernel/a.swift", text: "}")).count == 1)
  }
}
