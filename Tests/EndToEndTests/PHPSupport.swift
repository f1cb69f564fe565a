// What the scenarios with PHP share: its settings, php-fpm and nginx as somebody else runs them, a visitor who keeps
// cookies and fills in forms.

import Glibc
import HTTPClient
import Kernel

/// What tools/unpack.sh has unpacked: Debian packages that are not installed, since that would start services.
enum Unpacked {
  /// The path of a file of theirs.
  /// - Parameter name: from the root of the file system on, without its slash.
  static func path(_ name: String) throws -> String {
    let path = "\(Program.packageRoot)/.build/unpacked/\(name)"
    guard access(path, F_OK) == 0 else { throw HarnessError("\(path) is not there: tools/unpack.sh makes it") }
    return path
  }
}

extension Site {
  /// Settings of PHP by which everything that it keeps is in the site, as `php.ini`. The machine's own still say which
  /// extensions there are.
  func phpSettings() throws {
    try makeDirectory("php-state")
    try write(
      "php.ini",
      """
      session.save_path = "\(absolute("php-state"))"
      sys_temp_dir = "\(absolute("php-state"))"
      upload_tmp_dir = "\(absolute("php-state"))"
      log_errors = On
      display_errors = Off
      error_reporting = E_ALL & ~E_DEPRECATED
      date.timezone = UTC
      """)
  }
}

/// php-fpm with two children, which listens on `fpm.sock` of a site: no part of the gateway starts or ends it.
final class PHPFPM {
  private let process: ChildProcess

  /// Starts it on a site that has its settings of PHP, and waits until it takes connections.
  init(_ site: Site) throws {
    // It runs as root only where it is told to, and changes its user only as root.
    let owner = geteuid() == 0 ? "user = root\ngroup = root" : ""
    try site.write(
      "fpm.conf",
      """
      [global]
      error_log = /proc/self/fd/2
      [scenario]
      \(owner)
      listen = \(site.absolute("fpm.sock"))
      pm = static
      pm.max_children = 2
      catch_workers_output = yes

      """)
    // The extensions are registered for installed programs only: those of php-cgi will do, both are of one source.
    process = try ChildProcess(
      Unpacked.path("usr/sbin/php-fpm8.2"),
      ["--nodaemonize", "--allow-to-run-as-root", "-y", site.absolute("fpm.conf"), "-c", site.absolute("php.ini")],
      environment: ["PHP_INI_SCAN_DIR": "/etc/php/8.2/cgi/conf.d"])
    let process = self.process
    let isReady = eventually(within: 8) {
      process.errors.text.contains("ready to handle connections") || process.hasEnded != nil
    }
    guard isReady, process.hasEnded == nil else {
      stop()
      throw HarnessError("php-fpm does not start: \(process.errors.text)")
    }
  }

  /// Ends it with its children, and so all its connections.
  func stop() { process.killAll() }
}

/// nginx with what its package says of FastCGI (`fastcgi.conf`), before the same php-fpm.
final class Nginx {
  /// Where it listens: `host:port`.
  let address: String
  private let process: ChildProcess

  /// Starts it and waits until it takes connections.
  /// - Parameters:
  ///   - root: the directory of the site that it serves.
  ///   - port: on 127.0.0.3, where nobody else is.
  init(_ site: Site, root: String, port: UInt16) throws {
    let address = "127.0.0.3:\(port)"
    self.address = address
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "\($0)_temp_path \(site.absolute("nginx-state"));"
    }
    // From snippets/fastcgi-php.conf, whose paths are those of an installed nginx.
    try site.write(
      "nginx.conf",
      """
      daemon off; master_process off; error_log stderr; pid \(site.absolute("nginx.pid"));
      events {}
      http {
        access_log off; \(temporary.joined(separator: " "))
        server {
          listen \(address); server_name test; root \(site.absolute(root)); index index.php;
          location ~ [^/]\\.php(/|$) {
            fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
            include \(try Unpacked.path("etc/nginx/fastcgi.conf"));
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_pass unix:\(site.absolute("fpm.sock"));
          }
        }
      }

      """)
    process = try ChildProcess(
      Unpacked.path("usr/sbin/nginx"), ["-p", site.path, "-e", "stderr", "-c", site.absolute("nginx.conf")])
    let isReady = eventually(within: 8) { (try? RawConnection(to: address)) != nil }
    guard isReady, process.hasEnded == nil else {
      stop()
      throw HarnessError("nginx does not start: \(process.errors.text)")
    }
  }

  func stop() { process.killAll() }
}

/// Somebody with a browser: cookies are kept and sent, forms filled in.
struct Visitor {
  let server: Server
  private var cookies: [String: String] = [:]

  init(_ server: Server) { self.server = server }

  mutating func get(_ target: String) throws -> Response { try ask(target, "GET") }

  /// Sends a form.
  /// - Parameter inChunks: whether its length is told piece by piece.
  mutating func post(_ target: String, _ form: [(String, String)], inChunks: Bool = false) throws -> Response {
    let body = bytes(form.map { "\(Self.encoded($0))=\(Self.encoded($1))" }.joined(separator: "&"))
    let type = "Content-Type: application/x-www-form-urlencoded"
    return try ask(target, "POST", fields: [type], body: body, inChunks: inChunks)
  }

  private mutating func ask(
    _ target: String, _ method: String, fields: [String] = [], body: [UInt8] = [], inChunks: Bool = false
  ) throws -> Response {
    var fields = fields
    if !cookies.isEmpty { fields.append("Cookie: " + cookies.map { "\($0)=\($1)" }.sorted().joined(separator: "; ")) }
    var response: Response
    if inChunks {
      var connection = try server.connect()
      try connection.send(Server.head(target, fields + ["Transfer-Encoding: chunked"], method: method))
      for start in stride(from: 0, to: body.count, by: 30_000) {
        let piece = body[start..<min(start + 30_000, body.count)]
        try connection.send(bytes(String(piece.count, radix: 16) + "\r\n") + piece + bytes("\r\n"))
      }
      try connection.send("0\r\n\r\n")
      response = try connection.readResponse(bodyCapBytes: 4 << 20)
    } else {
      response = try server.request(target, method: method, fields: fields, body: body)
    }
    for field in response.head.fields where field.name == "set-cookie" {
      let pair = field.value.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1).map(String.init)
      if pair.count == 2 { cookies[pair[0]] = pair[1] == "deleted" ? nil : pair[1] }
    }
    return response
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      let character = Character(UnicodeScalar(byte))
      if character.isASCII, character.isLetter || character.isNumber { return String(character) }
      return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}

extension Response {
  /// The hidden fields of the form that has this id; none where there is no such form.
  func hiddenFields(ofForm id: String) -> [(String, String)] {
    guard let form = text.split(separator: "<form").first(where: { $0.contains("id=\"\(id)\"") }) else { return [] }
    let inside = form.firstRange(of: "</form>").map { form[..<$0.lowerBound] } ?? form
    return inside.split(separator: "<input").dropFirst().compactMap { input in
      func attribute(_ name: String) -> String? {
        guard let start = input.firstRange(of: " \(name)=\"")?.upperBound else { return nil }
        return String(input[start...].prefix { $0 != "\"" })
      }
      guard attribute("type") == "hidden", let name = attribute("name") else { return nil }
      return (name, attribute("value") ?? "")
    }
  }
}
