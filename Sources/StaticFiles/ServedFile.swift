import HTTPWire
import Kernel

/// A regular file that was opened, with what a response says of it. What is in it does not change: a file that changed
/// on disk is opened anew.
public final class ServedFile: Sendable {
  /// Below the root, the index's name included where the file stands for its directory.
  public let path: [UInt8]
  /// Open only where the content is not kept: a descriptor is dearer than a page of memory.
  private let descriptor: Descriptor?
  /// The open descriptor's number, for a file whose content is not kept; else -1.
  public let raw: Int32
  public let size: Int
  /// RFC 9110, section 8.8.2, in seconds since the epoch.
  public let lastModified: Int
  /// A strong validator with its quotes, RFC 9110, section 8.8.3: of inode, size and time of modification.
  public let entityTag: [UInt8]
  /// The content, where the file is small enough to be kept in memory.
  public let content: [UInt8]?
  /// The header fields that speak of the file: Content-Type, Last-Modified, ETag, Accept-Ranges.
  public let fields: [UInt8]
  let status: FileStatus

  /// - Parameters:
  ///   - path: below the root; its last segment tells the type.
  ///   - status: of the descriptor; a regular file.
  init(_ descriptor: consuming Descriptor, path: [UInt8], status: FileStatus, content: [UInt8]?) {
    self.path = path
    self.status = status
    self.content = content
    raw = content == nil ? descriptor.raw : -1
    if content == nil { self.descriptor = consume descriptor } else { self.descriptor = nil }
    size = status.size
    lastModified = status.modifiedSeconds
    var tag: [UInt8] = [UInt8(ascii: "\"")]
    appendHexadecimal(status.inode, to: &tag)
    tag.append(UInt8(ascii: "-"))
    appendHexadecimal(UInt64(status.size), to: &tag)
    tag.append(UInt8(ascii: "-"))
    appendHexadecimal(
      UInt64(bitPattern: Int64(status.modifiedSeconds)) &* 1_000_000_000 &+ UInt64(status.modifiedNanoseconds),
      to: &tag)
    tag.append(UInt8(ascii: "\""))
    entityTag = tag

    let nameStart = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    var fields: [UInt8] = []
    ResponseWriter.appendField("Content-Type", MediaType.of(name: path[nameStart...]), to: &fields)
    var date: [UInt8] = []
    HTTPDate.append(status.modifiedSeconds, to: &date)
    ResponseWriter.appendField("Last-Modified", date, to: &fields)
    ResponseWriter.appendField("ETag", tag, to: &fields)
    ResponseWriter.appendField("Accept-Ranges", "bytes", to: &fields)
    self.fields = fields
  }

  /// What keeping it costs the cache, in bytes; of an open descriptor the budget has its own idea.
  var weight: Int { (content?.count ?? 0) + fields.count + path.count + 512 }
}

private func appendHexadecimal(_ value: UInt64, to bytes: inout [UInt8]) {
  bytes.append(contentsOf: String(value, radix: 16).utf8)
}
