// A real browser: Debian's Chromium without a window, driven by its chromedriver over the WebDriver protocol
// (W3C WebDriver), which is JSON over HTTP on the loopback interface.

import Foundation
import HTTPClient
import Kernel

/// One browser with one window. `close` ends it with all its processes and removes its profile.
final class Browser {
  private let driver: ChildProcess
  private let profile: String
  private let address: String
  private var session = ""

  /// Starts the driver and, by it, the browser.
  /// - Throws: `HarnessError` where either does not start.
  init() throws {
    var template = Array("/tmp/tollgate-browser-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HarnessError("no temporary directory: \(describe(errno: errno))") }
    let profile = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.profile = profile
    // What the two write beside the profile goes there too.
    let driver = try ChildProcess(
      "chromedriver", ["--port=0", "--log-level=SEVERE"], environment: ["HOME": profile, "TMPDIR": profile])
    self.driver = driver
    let started = "started successfully on port "
    _ = eventually(within: 10) { driver.hasEnded != nil || driver.output.text.contains(started) }
    guard let port = driver.output.text.firstRange(of: started).map({ driver.output.text[$0.upperBound...] }) else {
      driver.killAll()
      throw HarnessError("chromedriver does not start: \(driver.errors.text)\(driver.output.text)")
    }
    address = "127.0.0.1:\(port.prefix(while: \.isNumber))"
    do {
      session = try call("POST", "/session", Self.capabilities(profile: profile), as: NewSession.self).sessionId
    } catch {
      end()
      throw error
    }
  }

  private struct NewSession: Decodable { var sessionId: String }

  private static func capabilities(profile: String) -> [String: Any] {
    // No sandbox, since tests may run as root, where Chromium refuses to make one; a small /dev/shm is enough.
    let arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--user-data-dir=\(profile)/profile",
    ]
    return [
      "capabilities": [
        "alwaysMatch": [
          "browserName": "chrome",
          "goog:chromeOptions": ["binary": "/usr/bin/chromium", "args": arguments],
          "goog:loggingPrefs": ["browser": "ALL", "performance": "ALL"],
        ] as [String: Any]
      ]
    ]
  }

  /// Ends browser and driver; may be called twice.
  func close() {
    if !session.isEmpty { _ = try? call("DELETE", "", [:], as: Nothing.self) }
    end()
  }

  private func end() {
    session = ""
    driver.killAll()
    _ = try? run("rm", ["-rf", "--", profile])
  }

  // MARK: The protocol

  private struct Answer<Value: Decodable>: Decodable { var value: Value }
  private struct Fault: Decodable { var error: String, message: String }
  private struct Nothing: Decodable { init(from decoder: any Decoder) {} }

  /// One command: a path below the session's, or `/session` itself for a new one.
  private func call<Value: Decodable>(
    _ method: String, _ path: String, _ parameters: [String: Any], as type: Value.Type
  ) throws -> Value {
    let target = session.isEmpty ? path : "/session/\(session)\(path)"
    let body = method == "GET" || method == "DELETE" ? Data() : try JSONSerialization.data(withJSONObject: parameters)
    var connection = try RawConnection(to: address, timeoutMilliseconds: 15_000)
    let head = [
      "\(method) \(target) HTTP/1.1", "Host: \(address)", "Content-Type: application/json",
      "Content-Length: \(body.count)", "Connection: close", "", "",
    ]
    try connection.send(bytes(head.joined(separator: "\r\n")) + body)
    let response = try connection.readResponse()
    let data = Data(response.body)
    guard response.status == 200 else {
      let fault = try? JSONDecoder().decode(Answer<Fault>.self, from: data).value
      throw HarnessError("\(method) \(path): \(fault.map { "\($0.error): \($0.message)" } ?? response.text)")
    }
    return try JSONDecoder().decode(Answer<Value>.self, from: data).value
  }

  /// A command of Chromium's own protocol.
  private func chromium(_ command: String, _ parameters: [String: Any]) throws {
    _ = try call("POST", "/goog/cdp/execute", ["cmd": command, "params": parameters], as: Nothing.self)
  }

  // MARK: What a person does

  /// Goes to a page and waits until it is loaded.
  func open(_ url: String) throws { _ = try call("POST", "/url", ["url": url], as: Nothing.self) }

  /// Clicks into the middle of the first element that a selector finds, after scrolling to it.
  func click(_ selector: String) throws {
    let found = try call(
      "POST", "/element", ["using": "css selector", "value": selector], as: [String: String].self)
    guard let element = found.values.first else { throw HarnessError("nothing to click at \(selector)") }
    _ = try call("POST", "/element/\(element)/click", [:], as: Nothing.self)
  }

  enum Key: String {
    case tab = "\u{E004}"
    case enter = "\u{E007}"
  }

  /// Presses a key and lets go of it, so many times.
  func press(_ key: Key, times: Int = 1) throws {
    let once = ["keyDown", "keyUp"].map { ["type": $0, "value": key.rawValue] }
    let presses = (0..<times).flatMap { _ in once }
    let keyboard: [String: Any] = ["type": "key", "id": "keyboard", "actions": presses]
    _ = try call("POST", "/actions", ["actions": [keyboard]], as: Nothing.self)
  }

  // MARK: What a person has

  /// The screen and the wishes of who sits before it; in force for what is open and for what will be.
  func setScreen(width: Int, isDark: Bool, wantsLessMotion: Bool = true) throws {
    let screen: [String: Any] = ["width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500]
    try chromium("Emulation.setDeviceMetricsOverride", screen)
    let features = [
      ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"],
      ["name": "prefers-reduced-motion", "value": wantsLessMotion ? "reduce" : "no-preference"],
    ]
    try chromium("Emulation.setEmulatedMedia", ["features": features])
  }

  // MARK: What a test asks

  /// The value of a script's `return`, run in the page.
  func evaluate<Value: Decodable>(_ script: String, as type: Value.Type = Value.self) throws -> Value {
    try call("POST", "/execute/sync", ["script": script, "args": [Any]()], as: type)
  }

  /// Waits until an expression is true in the page.
  /// - Throws: `HarnessError` where it does not become so in time.
  func wait(for expression: String, within seconds: Double = 10) throws {
    let isTrue = try eventually(within: seconds) { try evaluate("return !!(\(expression))", as: Bool.self) }
    guard isTrue else { throw HarnessError("not within \(seconds) s in the page: \(expression)") }
  }

  private struct LogEntry: Decodable { var level: String, message: String }

  /// What the console has said since this was last asked: errors, refusals by Content-Security-Policy among them.
  func consoleErrors() throws -> [String] {
    try call("POST", "/se/log", ["type": "browser"], as: [LogEntry].self).filter { $0.level != "DEBUG" }.map(\.message)
  }

  private struct NetworkMessage: Decodable {
    struct Message: Decodable {
      struct Parameters: Decodable {
        struct Request: Decodable { var url: String }
        var request: Request?
      }
      var method: String
      var params: Parameters
    }
    var message: Message
  }

  /// The URLs that were asked for over the network since this was last asked, pages and all that belongs to them.
  /// The browser's own start page is made of parts of itself (`chrome:`), and a `data:` URL asks nobody.
  func requestedURLs() throws -> [String] {
    try call("POST", "/se/log", ["type": "performance"], as: [LogEntry].self).compactMap { entry in
      let message = try? JSONDecoder().decode(NetworkMessage.self, from: Data(entry.message.utf8)).message
      return message?.method == "Network.requestWillBeSent" ? message?.params.request?.url : nil
    }.filter { url in ["http:", "https:", "ws:", "wss:"].contains { url.hasPrefix($0) } }
  }
}
