// The blocking client behind `tollgate trace`: one request on a connection of its own, and when each part of it
// happened.

import HTTPWire
import Kernel

/// How long each part of an exchange took, in nanoseconds of the monotonic clock; they follow one another.
public struct ClientTimings: Sendable, Equatable {
  /// Finding the host's addresses.
  public var lookup: Int64
  /// Until the connection stood.
  public var connect: Int64
  /// Until the kernel had taken the request.
  public var send: Int64
  /// From there to the first byte of the answer.
  public var wait: Int64
  /// From the first byte of the answer to its last.
  public var receive: Int64

  public init(lookup: Int64, connect: Int64, send: Int64, wait: Int64, receive: Int64) {
    self.lookup = lookup
    self.connect = connect
    self.send = send
    self.wait = wait
    self.receive = receive
  }

  public var total: Int64 { lookup + connect + send + wait + receive }
}

/// One request and its answer.
public struct Exchange: Sendable {
  public var url: HTTPURL
  /// The address that took the connection.
  public var peer: SocketAddress
  public var timings: ClientTimings
  public var response: Response
}

public enum HTTPClient {
  /// Asks for a URL by GET on a new connection, which is closed afterwards.
  /// - Parameters:
  ///   - timeoutMilliseconds: for each of connecting, sending, and the whole answer.
  ///   - bodyCapBytes: so much of the body is kept; all of it is read and counted.
  /// - Throws: `ClientError`, for whatever kept the answer from being whole.
  public static func get(
    url: HTTPURL, timeoutMilliseconds: Int = 60_000, bodyCapBytes: Int = 65_536
  ) throws(ClientError) -> Exchange {
    let begin = Clock.monotonic()
    let addresses: [SocketAddress]
    do throws(SocketAddress.Malformed) {
      addresses = try SocketAddress.lookUp(host: url.host, port: url.port)
    } catch {
      throw .cannotConnect(error.description)
    }
    let found = Clock.monotonic()
    var connection = try RawConnection(toFirstOf: addresses, timeoutMilliseconds: timeoutMilliseconds)
    let connected = Clock.monotonic()
    try connection.send(request(url))
    let sent = Clock.monotonic()
    let response = try connection.readResponse(bodyCapBytes: bodyCapBytes)
    let timings = ClientTimings(
      lookup: found - begin, connect: connected - found, send: sent - connected,
      wait: response.firstByteAt - sent, receive: response.lastByteAt - response.firstByteAt)
    return Exchange(url: url, peer: connection.peer, timings: timings, response: response)
  }

  /// The same for a URL as a user writes it.
  public static func get(
    url: String, timeoutMilliseconds: Int = 60_000, bodyCapBytes: Int = 65_536
  ) throws(ClientError) -> Exchange {
    try get(url: HTTPURL(url), timeoutMilliseconds: timeoutMilliseconds, bodyCapBytes: bodyCapBytes)
  }

  private static func request(_ url: HTTPURL) -> String {
    "GET \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\nUser-Agent: tollgate-trace\r\n"
      + "Accept: */*\r\nConnection: close\r\n\r\n"
  }
}
