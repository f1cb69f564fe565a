import Costs
import Gateway
import Kernel
import Log

/// The access log: takes the bills of all lanes and has them written as lines, on a thread of its own.
public final class AccessLog: BillSink {
  /// How many batches may wait for the destination.
  public static let pendingBatches = 1024

  private let writer: LogWriter<RecordBatch>

  /// - Parameters:
  ///   - destination: where the lines go.
  public init(format: AccessLogFormat, destination: consuming sending Descriptor) {
    writer = LogWriter(
      destination: destination, name: "tollgate-access", pendingLimit: Self.pendingBatches,
      render: { batch, lines in
        for record in batch.records { format.append(record, in: batch, to: &lines) }
      },
      renderDropped: { count, lines in
        // In the log's own form it could be taken for a request; the log's reader is told where people look.
        lines.append(contentsOf: format.note("\(count) batches of requests found no room and are lost").utf8)
      })
  }

  public func take(_ batch: RecordBatch) { writer.write(batch) }

  /// Has the lines go elsewhere from now on.
  public func redirect(to destination: consuming Descriptor) throws(Errno) { try writer.redirect(to: destination) }

  /// Writes what waits, or gives up after so long.
  public func close(withinMilliseconds limit: Int) { writer.close(withinMilliseconds: limit) }
}

extension AccessLogFormat {
  /// A line that is no request, in the form that a reader of this format passes over.
  func note(_ words: String) -> String {
    switch self {
    case .combined: "# \(words)\n"
    case .json: "{\"note\":\"\(words)\"}\n"
    }
  }
}
