// One line that says where most of a request's time went, chosen by the figures.

import Costs
import Presentation

extension TraceBill {
  /// Whether a worker of a pool was to answer.
  var isOfWorker: Bool { model == "fastcgi" }

  /// Why nobody can know what the worker took; nil where it is known, or only not in the answer.
  var notKnowable: String? {
    guard cpuIsNotKnowable else { return nil }
    return "what the worker took is not knowable: "
      + (workerPID == nil ? "somebody else runs it" : "its process was gone when the request ended")
  }
}

enum TraceSentence {
  /// The total, its largest part, and what that part was.
  static func text(_ sample: TraceSample) -> String {
    let waterfall = Waterfall(timings: sample.timings, bill: sample.bill)
    let unit = DurationUnit.fitting(waterfall.total)
    let largest = largestPart(waterfall, isOfWorker: sample.bill?.isOfWorker == true)
    return "\(Words.duration(waterfall.total)), of which \(Words.amount(largest.length, in: unit)) "
      + clause(largest.part, sample) + tail(largest.part, sample, waterfall) + "."
  }

  /// What the time is divided into here: the server's phases, the receiving, and all the rest as the way; a lookup
  /// or a connect that is most of the way is named in its stead. Without a bill the wait stands for the server's. A
  /// worker's answer is one part, `firstByte`, from its beginning to its end, as its processor time is one figure.
  static func largestPart(_ waterfall: Waterfall, isOfWorker: Bool) -> Waterfall.Segment {
    let receive = waterfall.length(.receive) ?? 0
    let rest = waterfall.total - receive - waterfall.serverTotal
    var way = Waterfall.Segment(part: .clientAndNetwork, start: 0, length: rest)
    var candidates = waterfall.segments.filter {
      $0.part == .receive || Waterfall.serverParts.contains($0.part)
    }
    if isOfWorker, let first = candidates.firstIndex(where: { $0.part == .firstByte }),
      let output = waterfall.length(.output)
    {
      candidates[first].length += output
    }
    if !waterfall.hasServerPhases {
      let wait = waterfall.segments.first { $0.part == .wait }
      if let wait {
        candidates.append(wait)
        way.length -= wait.length
      }
    }
    candidates.append(way)
    let largest = candidates.max { $0.length < $1.length } ?? way
    guard largest == way else { return largest }
    let named = waterfall.segments.first {
      ($0.part == .lookup || $0.part == .connect) && $0.length > way.length / 2
    }
    return named ?? way
  }

  private static func clause(_ part: Waterfall.Part, _ sample: TraceSample) -> String {
    let isOfWorker = sample.bill?.isOfWorker == true
    return switch part {
    case .lookup: "passed looking up the host's address"
    case .connect: "passed until the connection stood"
    case .send: "passed sending the request"
    case .wait: "passed between the request and the first byte of the answer"
    case .receive where isOfWorker && sample.bill?.isComplete == false:
      "passed between the answer's first byte and its last: the worker's output, and its way"
    case .receive where sample.bill?.model == "cgi" && sample.bill?.isComplete == false:
      "passed between the answer's first byte and its last: the script's output, and its way"
    case .receive: "passed between the answer's first byte and its last"
    case .head: "passed while the gateway read the request's head"
    case .body: "passed while the gateway read the request's body"
    case .queue where isOfWorker: "passed in the pool's queue, waiting for a free worker"
    case .queue: "passed in the route's queue, waiting for a free place"
    case .spawn: "passed until the program's exec: making the process"
    case .firstByte where isOfWorker:
      (sample.bill?.isComplete == true
        ? "was the worker's answer" : "passed until the first byte of the worker's answer")
        + (sample.bill?.cpuNanoseconds.map { " (\(Words.duration($0)) of processor time)" } ?? "")
    case .firstByte:
      if let interpreter = sample.bill?.interpreter, !interpreter.elementsEqual("native code".utf8) {
        "passed between exec and the first byte: starting \(TraceText.printable(interpreter)) "
          + "and what the script did before it printed"
      } else {
        "passed between exec and the first byte: starting the program and what it did before it printed"
      }
    case .output: "passed between the program's first byte and its last"
    case .exit: "passed between the program's last byte and its end"
    case .clientAndNetwork: "were spent on the way (client, \(sample.isLoopback ? "loopback" : "network"))"
    }
  }

  private static func tail(_ part: Waterfall.Part, _ sample: TraceSample, _ waterfall: Waterfall) -> String {
    guard let bill = sample.bill else { return "; the server does not say what its part was" }
    if waterfall.serverExceedsWait {
      return "; the bill's phases are longer than the wait, so they are not counted"
    }
    switch (bill.model, bill.transfer) {
    case ("static", "cache"): return "; the file came from the gateway's cache"
    case ("static", "sendfile"): return "; the kernel sent the file by sendfile"
    case ("internal", _): return "; the gateway answered by itself"
    default: break
    }
    if part == .firstByte, let words = bill.notKnowable { return "; " + words }
    guard waterfall.hasServerPhases, !Waterfall.serverParts.contains(part) else { return "" }
    let whose = bill.isOfWorker ? "worker" : "program"
    return "; gateway and \(whose) took \(Words.duration(waterfall.serverTotal)) before the answer left"
  }
}
