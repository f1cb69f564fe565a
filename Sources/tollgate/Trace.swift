// The command `tollgate trace`: asks, and says where the time went.

import ArgumentParser
import Costs
import HTTPClient
import Kernel
import Presentation

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a request and show where its time went, with the bill of the answer.",
    discussion: """
      Shows the request as a waterfall: the client's side as measured here, and within the wait the server's phases as \
      its Server-Timing field says them. What neither of them accounts for is called «client and network». Below it, \
      the bill: model, route, processor time, peak memory, faults and switches. The server says all of that where \
      it runs with `--bill full`. A server that says nothing still gets the client's side.

      Examples:
        tollgate trace http://127.0.0.1:8080/cgi-bin/env.pl
        tollgate trace http://127.0.0.1:8080/ --repeat 100
        tollgate trace http://[::1]:8080/a.html --compare http://[::1]:8080/cgi-bin/a
        tollgate trace http://127.0.0.1:8080/ --json

      Exit codes: 64 the arguments cannot be used, 69 no connection or no answer in time, 76 what came is not a \
      whole HTTP answer. Any answer that is whole, an error page too, is 0.
      """)

  @Argument(help: "What to ask for, as http://HOST:PORT/PATH.")
  var url: String

  @Option(help: ArgumentHelp("Ask for this too, and show both side by side.", valueName: "url2"))
  var compare: String?

  @Option(name: .customLong("repeat"), help: "Ask so often, each time on a new connection; show the median request.")
  var count = 1

  @Option(help: "How many seconds to wait for a connection, and for the whole of an answer.")
  var timeout = 60

  @Flag(help: "Print one JSON object instead: times in nanoseconds, sizes in bytes.")
  var json = false

  func validate() throws {
    guard (1...1_000_000).contains(count) else { throw ValidationError("--repeat is a number from 1 to 1000000") }
    guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout is a number of seconds up to 86400") }
    for text in [url, compare].compactMap({ $0 }) {
      do throws(ClientError) {
        _ = try HTTPURL(text)
      } catch {
        throw ValidationError(error.description)
      }
    }
  }

  func run() throws {
    do throws(ClientError) {
      let urls = [url, compare].compactMap { $0 }
      let series = try measure(urls)
      let output = json ? asJSON(series) : asText(series)
      print(output)
    } catch {
      // It may quote what the server sent.
      let words = Terminal.printable(error.description)
      // There is nobody to tell when standard error is gone.
      try? writeFully(ThisProcess.standardError, Array("tollgate trace: \(words)\n".utf8))
      throw Self.exitCode(error)
    }
  }

  /// Asks for all URLs in turn, round by round, so that whatever disturbs the machine disturbs all of them.
  private func measure(_ urls: [String]) throws(ClientError) -> [TraceSeries] {
    var samples = [[TraceSample]](repeating: [], count: urls.count)
    for _ in 0..<count {
      for (index, url) in urls.enumerated() {
        let exchange = try HTTPClient.get(url: url, timeoutMilliseconds: timeout * 1000, bodyCapBytes: 0)
        samples[index].append(TraceSample(url: url, exchange))
      }
    }
    return samples.map(TraceSeries.init)
  }

  private func asJSON(_ series: [TraceSeries]) -> String {
    let bytes = series.count == 2 ? TraceJSON.text(comparing: series[0], series[1]) : TraceJSON.text(series[0])
    return String(decoding: bytes, as: UTF8.self)
  }

  private func asText(_ series: [TraceSeries]) -> String {
    var text = TraceText(terminal: .standardOutput())
    if series.count == 2 { text.compare(series[0], series[1]) } else { text.show(series[0]) }
    return text.lines.joined(separator: "\n")
  }

  /// sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_PROTOCOL.
  static func exitCode(_ error: ClientError) -> ExitCode {
    switch error {
    case .malformedURL, .unsupported: ExitCode(64)
    case .cannotConnect, .timedOut: ExitCode(69)
    case .connectionLost, .protocolError: ExitCode(76)
    }
  }
}

extension TraceSample {
  init(url: String, _ exchange: Exchange) {
    let response = exchange.response
    let fields = response.head.fields.filter { $0.name == "server-timing" }.map(\.value)
    self.init(
      url: url, peer: exchange.peer.text, isLoopback: exchange.peer.isLoopback, timings: exchange.timings,
      bill: ServerTiming.parse(fields), status: response.status, reason: response.head.reason,
      bodyBytes: response.bodyLength, wireBytes: response.wireBytes)
  }
}
