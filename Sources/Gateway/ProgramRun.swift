// The program's side of a request, as its answer and its lane see it: a process of its own, or a worker of a pool.

import Costs
import Kernel

protocol ProgramRun: AnyObject {
  /// They hold each other until the answer leaves.
  var answer: ProgramAnswer? { get set }
  /// What the request is served by.
  var plan: Plan { get }
  /// The request's bill, from the moment when the program has its body.
  var bill: Bill { get set }
  var draft: RecordDraft? { get set }
  var startedAt: Int64 { get set }
  /// For the log.
  var name: String { get }
  /// What runs the program, where that is known: `perl`.
  var interpreter: [UInt8]? { get }
  /// The longest head that it may print.
  var headBytes: Int { get }

  /// The request is there in full.
  func start(_ spool: BodySpool)
  /// The client has taken what waited for it.
  func outputDrained()
  /// The client has left.
  func clientLeft()
  /// The answer is complete; what still comes is let go.
  func answerIsComplete(surplusIsFault: Bool)
  /// The program printed more than it had promised.
  func surplus()
  /// Nothing of the program is wanted any more.
  func endEarly()
  /// Has the log say what is wrong with the program's output, together with how the program ended.
  func complain(_ words: String)
  /// Of a program that has printed nothing the bill says how long that was waited for.
  func noteSilence()
  /// The gateway ends.
  func endNow()
}
