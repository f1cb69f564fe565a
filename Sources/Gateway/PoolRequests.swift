// From a request to a worker.

import CGI
import FastCGIWire
import HTTPWire

extension Connection {
  /// Has a worker of a pool answer.
  func serveByPool(_ route: ServedRoute, _ pool: Int, _ script: Script, headEnd: Int, inputEnd: Int) {
    let head = lane.head
    bill.model = .fastcgi
    draft = makeDraft(head)
    if draft != nil { draft!.record.script = draft!.text.keep(script.name) }
    let run = FastCGIRun(lane, serving, pool, script, head)
    var context = context(script, route, head)
    context.passesAuthorization = true
    run.describe { parameters in
      lane.inbox.withSpan {
        MetaVariables.build($0, head: head, target: lane.target, context: context, into: &parameters)
      }
    }
    run.chunked = head.chunked
    begin(run, route, headEnd: headEnd, inputEnd: inputEnd)
  }
}
