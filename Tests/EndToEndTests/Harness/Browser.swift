// A real browser: Debian's Chromium without a window, spoken to by its DevTools protocol: JSON over two pipes, each
// message ended by a NUL. A driver beside it (chromedriver) would need the whole desktop browser, whose packages start
// a message bus when they are installed.

import Foundation
import Kernel

/// One browser with one page. `close` ends it with all its processes and removes its profile.
final class Browser {
  private let process: ChildProcess
  private let profile: String
  private let commands: Int32
  private let answers: Int32
  private var session: String?
  private var lastId = 0
  /// What was read and is not yet a whole message.
  private var rest: [UInt8] = []
  private var pageLoads = 0
  private var errors: [String] = []
  private var requested: [String] = []

  /// Starts the browser.
  /// - Throws: `HarnessError` where it is not installed or does not answer.
  init() throws {
    var template = Array("/tmp/tollgate-browser-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HarnessError("no temporary directory: \(describe(errno: errno))") }
    let profile = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.profile = profile
    (commands, answers) = (try Self.fifo("\(profile)/commands"), try Self.fifo("\(profile)/answers"))
    let programs = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"]
    guard let program = programs.first(where: { access($0, X_OK) == 0 }) else {
      throw HarnessError("neither of \(programs) is there; tools/packages.sh install test")
    }
    // No sandbox, since tests may run as root, where Chromium refuses to make one; a small /dev/shm is enough.
    let arguments = [
      "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
      "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--user-data-dir=\(profile)/profile", "about:blank",
    ]
    // Descriptors 3 and 4 are the protocol's. What the browser writes beside its profile goes there too.
    process = try ChildProcess(
      "sh", ["-c", "exec \"$0\" \"$@\" 3<commands 4>answers", program] + arguments,
      environment: ["HOME": profile, "TMPDIR": profile], directory: profile)
    do {
      try attach()
    } catch {
      close()
      throw error
    }
  }

  /// A named pipe, open at both ends, so that neither side waits for the other to come.
  private static func fifo(_ path: String) throws -> Int32 {
    guard mkfifo(path, 0o600) == 0 else { throw HarnessError("mkfifo: \(describe(errno: errno))") }
    let raw = Glibc.open(path, O_RDWR | O_CLOEXEC)
    guard raw >= 0 else { throw HarnessError("open \(path): \(describe(errno: errno))") }
    return raw
  }

  private func attach() throws {
    var page: String?
    _ = try eventually(within: 10) {
      let targets = try call("Target.getTargets")["targetInfos"] as? [[String: Any]] ?? []
      page = targets.first { $0["type"] as? String == "page" }?["targetId"] as? String
      return page != nil
    }
    guard let page else { throw HarnessError("the browser has no page") }
    session = try call("Target.attachToTarget", ["targetId": page, "flatten": true])["sessionId"] as? String
    for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable") }
  }

  /// Ends the browser; may be called twice.
  func close() {
    guard access(profile, F_OK) == 0 else { return }
    // Asked first, so that it ends its own processes; what is left then is killed.
    if process.hasEnded == nil { _ = try? call("Browser.close") }
    _ = process.wait(seconds: 3)
    process.killAll()
    for raw in [commands, answers] { Glibc.close(raw) }
    _ = try? run("rm", ["-rf", "--", profile])
  }

  // MARK: The protocol

  /// One command, and its result.
  @discardableResult
  private func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
    lastId += 1
    var message: [String: Any] = ["id": lastId, "method": method, "params": parameters]
    message["sessionId"] = session
    try writeFully(commands, Array(JSONSerialization.data(withJSONObject: message)) + [0])
    while true {
      let answer = try nextMessage(within: 15, method)
      guard answer["id"] as? Int == lastId else {
        note(answer)
        continue
      }
      if let fault = answer["error"] { throw HarnessError("\(method): \(fault)") }
      return answer["result"] as? [String: Any] ?? [:]
    }
  }

  /// The next message that the browser sends, an answer or an event.
  private func nextMessage(within seconds: Double, _ purpose: String) throws -> [String: Any] {
    let deadline = Clock.monotonic() + Int64(seconds * 1e9)
    while true {
      if let end = rest.firstIndex(of: 0) {
        let message = Data(rest[..<end])
        rest.removeSubrange(...end)
        return try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
      }
      guard Clock.monotonic() < deadline, process.hasEnded == nil else {
        let ending = process.hasEnded.map(\.description) ?? "silent for \(seconds) s"
        throw HarnessError("the browser, at \(purpose): \(ending)\n\(process.errors.text.suffix(2000))")
      }
      var wanted = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
      guard poll(&wanted, 1, 100) > 0 else { continue }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      if case .bytes(let count) = readBytes(answers, into: &buffer, at: 0) { rest += buffer[..<count] }
    }
  }

  /// Keeps what an event says that a test may ask for.
  private func note(_ event: [String: Any]) {
    let parameters = event["params"] as? [String: Any] ?? [:]
    switch event["method"] as? String {
    case "Page.loadEventFired": pageLoads += 1
    case "Log.entryAdded":
      let entry = parameters["entry"] as? [String: Any] ?? [:]
      guard let level = entry["level"] as? String, ["error", "warning"].contains(level) else { return }
      errors.append("\(entry["url"] ?? "-"): \(entry["text"] ?? entry)")
    case "Runtime.exceptionThrown": errors.append("exception: \(parameters)")
    case "Runtime.consoleAPICalled":
      if ["error", "warning", "assert"].contains(parameters["type"] as? String) { errors.append("\(parameters)") }
    case "Network.requestWillBeSent":
      if let url = (parameters["request"] as? [String: Any])?["url"] as? String { requested.append(url) }
    default: break
    }
  }

  // MARK: What a person does

  /// Goes to a page and waits until it is loaded.
  func open(_ url: String) throws {
    let before = pageLoads
    if let fault = try call("Page.navigate", ["url": url])["errorText"] { throw HarnessError("\(url): \(fault)") }
    while pageLoads == before { note(try nextMessage(within: 10, "loading \(url)")) }
  }

  private struct Spot: Decodable { var x: Double, y: Double, isHit: Bool }

  /// Clicks into the middle of the first element that a selector finds, after scrolling to it.
  /// - Throws: `HarnessError` where there is none, or another one lies over it.
  func click(_ selector: String) throws {
    let spot: Spot = try evaluate(
      """
      const element = document.querySelector('\(selector)');
      element.scrollIntoView({ block: 'center' });
      const { x, y, width, height } = element.getBoundingClientRect();
      const middle = [x + width / 2, y + height / 2];
      return { x: middle[0], y: middle[1], isHit: element.contains(document.elementFromPoint(...middle)) };
      """)
    guard spot.isHit else { throw HarnessError("something lies over \(selector)") }
    for type in ["mousePressed", "mouseReleased"] {
      let event: [String: Any] = ["type": type, "x": spot.x, "y": spot.y, "button": "left", "clickCount": 1]
      try call("Input.dispatchMouseEvent", event)
    }
  }

  enum Key: String {
    case tab = "Tab"
    case enter = "Enter"
  }

  /// Presses a key and lets go of it, so many times.
  func press(_ key: Key, times: Int = 1) throws {
    var event: [String: Any] = ["key": key.rawValue, "code": key.rawValue]
    event["windowsVirtualKeyCode"] = key == .tab ? 9 : 13
    let down = event.merging(key == .enter ? ["type": "keyDown", "text": "\r"] : ["type": "keyDown"]) { $1 }
    for _ in 0..<times {
      try call("Input.dispatchKeyEvent", down)
      try call("Input.dispatchKeyEvent", event.merging(["type": "keyUp"]) { $1 })
    }
  }

  // MARK: What a person has

  /// The screen and the wishes of who sits before it; in force for what is open and for what will be.
  func setScreen(width: Int, isDark: Bool, wantsLessMotion: Bool = true) throws {
    let screen: [String: Any] = ["width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500]
    try call("Emulation.setDeviceMetricsOverride", screen)
    let features = [
      ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"],
      ["name": "prefers-reduced-motion", "value": wantsLessMotion ? "reduce" : "no-preference"],
    ]
    try call("Emulation.setEmulatedMedia", ["features": features])
  }

  // MARK: What a test asks

  /// The value of a script's `return`, run in the page.
  /// - Throws: `HarnessError` with the exception of a script that has one.
  @discardableResult
  func evaluate<Value: Decodable>(_ script: String, as type: Value.Type = Value.self) throws -> Value {
    let answer = try call("Runtime.evaluate", ["expression": "(() => {\(script)})()", "returnByValue": true])
    if let exception = answer["exceptionDetails"] { throw HarnessError("\(exception)\nin \(script)") }
    let value = (answer["result"] as? [String: Any])?["value"] ?? NSNull()
    return try JSONDecoder().decode(
      type, from: JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed))
  }

  /// Waits until an expression is true in the page.
  /// - Throws: `HarnessError` where it does not become so in time.
  func wait(for expression: String, within seconds: Double = 10) throws {
    let isTrue = try eventually(within: seconds) { try evaluate("return !!(\(expression))", as: Bool.self) }
    guard isTrue else { throw HarnessError("not within \(seconds) s in the page: \(expression)") }
  }

  /// What went wrong in the page: exceptions, failed requests, refusals by its Content-Security-Policy. Each with the
  /// URL that it is about.
  func consoleErrors() throws -> [String] {
    // The events of what has happened come before the answer to whatever is asked now.
    try call("Runtime.evaluate", ["expression": "0"])
    return errors
  }

  /// The URLs that were asked for over the network, pages and all that belongs to them. The browser's own pages are
  /// made of parts of itself (`chrome:`), and a `data:` URL asks nobody.
  func requestedURLs() throws -> [String] {
    try call("Runtime.evaluate", ["expression": "0"])
    return requested.filter { url in ["http:", "https:", "ws:", "wss:"].contains { url.hasPrefix($0) } }
  }
}
