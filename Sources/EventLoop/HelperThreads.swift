import DequeModule
import Kernel

/// A bounded set of threads for what may wait for a disk, so that no loop does. They live as long as the process.
public final class HelperThreads: Sendable {
  /// What a job came to, with the number it was given.
  public struct Answer: Sendable {
    public var job: UInt64
    public var value: any Sendable
  }

  private struct Job: Sendable {
    var number: UInt64
    var token: Token
    var mailbox: Mailbox
    var work: @Sendable () -> any Sendable
  }

  private let jobs = Condition(Deque<Job>())
  private let queueLimit: Int

  /// Starts the threads.
  /// - Parameters:
  ///   - threads: how many.
  ///   - queueLimit: how many jobs may wait.
  public init(threads: Int = 4, queueLimit: Int = 16_384) {
    self.queueLimit = queueLimit
    let jobs = self.jobs
    for _ in 0..<threads {
      Threads.start(name: "tollgate-disk") {
        while true {
          let job = jobs.wait { $0.popFirst() }
          job.mailbox.post(Answer(job: job.number, value: job.work()), to: job.token)
        }
      }
    }
  }

  /// Has a job done. Its answer, an `Answer`, is posted to the registration.
  /// - Returns: false where the queue is full, and the job was not taken.
  public func submit(
    number: UInt64, for token: Token, mailbox: Mailbox, _ work: @escaping @Sendable () -> any Sendable
  ) -> Bool {
    let job = Job(number: number, token: token, mailbox: mailbox, work: work)
    return jobs.change { jobs in
      if jobs.count >= queueLimit { return false }
      jobs.append(job)
      return true
    }
  }
}
