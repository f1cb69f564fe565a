// The times table: one application in four languages, each byte the same.
import Foundation
import Testing

@Suite("The times table by FastCGI")
struct TableTests {
  /// The page, from what it is agreed to be, and not from any of the programs.
  private static let page: String = {
    let rows = (1...12).map { row in "<tr><th>\(row)" + (1...12).map { "<td>\(row * $0)" }.joined() + "\n" }
    return """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>The times table</title>
      <link rel="stylesheet" href="/table.css">
      <h1>The times table</h1>
      <table>
      \(rows.joined())</table>
      <p>Twelve rows, made anew for each request, or once for all.</p>

      """
  }()

  private static let script = root.appendingPathComponent("examples/fastcgi/table.php").path

  private func worker(_ name: String) throws -> WorkerProcess {
    let program = name == "php" ? "php-cgi8.2" : try Programs.examples.get().appendingPathComponent(name).path
    return try WorkerProcess(program)
  }

  @Test(
    "It is the same in every language, and each worker counts",
    arguments: ["table-c", "table-swift", "table.pl", "php"])
  func everyLanguage(name: String) throws {
    let worker = try worker(name)
    let client = try worker.connect()
    let variables = ["SCRIPT_FILENAME": Self.script, "SCRIPT_NAME": "/table"]
    for count in 1...3 {
      let reply = try client.request("", variables)
      #expect(reply.text == Self.page)
      #expect(reply.status == "200" && reply["Content-Type"] == "text/html; charset=utf-8")
      #expect(reply.fields.contains { $0.name == "X-Worker" && $0.value == "\(worker.pid) \(count)" })
      #expect(reply.errors.isEmpty && reply.appStatus == 0)
    }
    // A body that it has no use for, of a known and of a larger size than what is read at once.
    let form = ["CONTENT_TYPE": "application/x-www-form-urlencoded"].merging(variables) { $1 }
    for bytes in [10, 300_000] {
      let body = [UInt8](repeating: UInt8(ascii: "a"), count: bytes)
      #expect(try client.request("", method: "POST", form, body: body).text == Self.page)
    }
    #expect(try client.request("", variables).worker?.count == 6)
  }

  @Test("Another client gets it, too", arguments: ["table-c", "table-swift", "table.pl", "php"])
  func otherClient(name: String) throws {
    let worker = try worker(name)
    let outcome = try run(
      "cgi-fcgi", ["-bind", "-connect", worker.path], ["REQUEST_METHOD": "GET", "SCRIPT_FILENAME": Self.script])
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(try Reply(output: outcome.output).text == Self.page)
  }

  @Test("The programs run as CGI programs, too", arguments: ["table-c", "table-swift", "table.pl"])
  func asCGI(name: String) throws {
    let program = try Programs.examples.get().appendingPathComponent(name).path
    let outcome = try run(program, [], ["REQUEST_METHOD": "GET"])
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(try Reply(output: outcome.output).text == Self.page)
  }

  @Test("The file of the sample site is the same")
  func staticFile() throws {
    let file = root.appendingPathComponent("examples/site/table.html")
    #expect(try String(contentsOf: file, encoding: .utf8) == Self.page)
  }
}
