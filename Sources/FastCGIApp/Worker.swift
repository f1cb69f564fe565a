// The loop of a worker: one request after another, on the thread that called it.

import CFCGI

/// A FastCGI worker (FastCGI 1.0, role Responder) over libfcgi.
///
///     import FastCGIApp
///
///     try Worker.run { request, response in
///       try response.write("Hello, \(request["REMOTE_ADDR"] ?? "stranger").\n")
///     }
public enum Worker {
  /// Serves one request after another until the worker is asked to end.
  ///
  /// Requests come by the socket that is the process's descriptor 0 (FastCGI 1.0, section 2.2). A program that was not
  /// started with a listening socket there is a CGI program (RFC 3875): it serves the one request of its environment.
  ///
  /// SIGTERM and SIGUSR1 end the worker: at once where it waits, else after the request in hand. It returns then, so
  /// that a program whose last statement it is exits with 0.
  ///
  /// A handler that throws has answered with 500, unless the head of its own answer was sent before, and the error is a
  /// line on the error stream. What it lets through of `FastCGIError` for a fault of the client's leaves no line:
  /// `bodyTooLarge` is 413, `bodyCutShort` 400, and `clientIsGone` needs no answer.
  ///
  ///     var visits: [String: Int] = [:]
  ///     try Worker.run { request, response in
  ///       visits[request["PATH_INFO"] ?? "/", default: 0] += 1  // State is the program's own: nothing runs beside it.
  ///       try response.write("\(visits)\n")
  ///     }
  ///
  /// - Parameter handle: is called for each request, on the calling thread; what it captures need not be `Sendable`.
  ///   A closure in `main.swift` may use the variables there; a function needs `@MainActor` for that. The request and
  ///   the response are of no use after it has returned.
  /// - Throws: `FastCGIError.notAccepting` where the listening socket fails.
  public static func run(_ handle: (Request, Response) throws -> Void) throws {
    if FCGX_IsCGI() != 0 {
      serve(CGIChannel(), number: 1, handle)
      return
    }
    let state = UnsafeMutablePointer<FCGX_Request>.allocate(capacity: 1)
    FCGX_InitRequest(state, 0, 0)
    let termination = Termination()
    defer {
      termination.forget()
      FCGX_Free(state, 1)
      state.deallocate()
    }
    var number = 0
    while try termination.accept(state) {
      number += 1
      serve(FastCGIChannel(state), number: number, handle)
    }
  }

  private static func serve(_ channel: some Channel, number: Int, _ handle: (Request, Response) throws -> Void) {
    let request = Request(channel, number: number)
    let response = Response(channel, isHead: request.method == "HEAD")
    var failed = false
    do {
      try handle(request, response)
      try response.finish()
    } catch {
      failed = true
      answer(error, request, response)
    }
    channel.finish(bodyIsRead: request.body.isRead, failed: failed)
  }

  /// Answers for a handler that threw, as far as there is somebody to answer to.
  private static func answer(_ error: any Error, _ request: Request, _ response: Response) {
    let status: Int
    switch error as? FastCGIError {
    case .clientIsGone: return
    case .bodyTooLarge: status = 413
    case .bodyCutShort: status = 400
    default:
      status = 500
      request.log("\(request.method) \(request["SCRIPT_NAME"] ?? "")\(request["PATH_INFO"] ?? ""): \(error)")
    }
    guard !response.headIsSent else { return }
    response.startAgain()
    response.status = status
    // Nobody is left to be told where this fails, too.
    try? response.write("\(status) \(reasonPhrase(status))\n")
    try? response.finish()
  }
}
