// The records that a web server sends, appended to a buffer. Pairs of FCGI_PARAMS: see ParameterWriter.

/// Appends records to an output buffer.
public enum RecordWriter {
  /// Appends a record's header alone (3.3), for content that reaches the application by another way than this
  /// buffer.
  ///
  /// - Parameters:
  ///   - id: 0 for a management record, else that of the request.
  ///   - contentBytes: up to ``Record/maximumContentBytes``. 0 ends a stream.
  ///   - paddingBytes: up to ``Record/maximumPaddingBytes``, to be sent behind the content.
  public static func appendHeader(
    _ type: RecordType, id: UInt16, contentBytes: Int, paddingBytes: Int = 0, to output: inout [UInt8]
  ) {
    precondition(type.isManagement == (id == Record.managementID), "management records have the id 0, and only they")
    precondition((0...Record.maximumContentBytes).contains(contentBytes), "content that fits a record")
    precondition((0...Record.maximumPaddingBytes).contains(paddingBytes), "padding that fits a record")
    output.append(addingCapacity: Record.headerBytes) { header in
      header.append(Record.version)
      header.append(type.rawValue)
      header.append(UInt8(id >> 8))
      header.append(UInt8(id & 0xFF))
      header.append(UInt8(contentBytes >> 8))
      header.append(UInt8(contentBytes & 0xFF))
      header.append(UInt8(paddingBytes))
      header.append(0)
    }
  }

  /// Appends FCGI_BEGIN_REQUEST (5.1).
  ///
  /// - Parameters:
  ///   - id: 1 to 65,535.
  ///   - keepConnection: whether the application leaves the connection open behind its answer.
  public static func appendBeginRequest(
    id: UInt16, role: Role = .responder, keepConnection: Bool, to output: inout [UInt8]
  ) {
    appendHeader(.beginRequest, id: id, contentBytes: 8, to: &output)
    output.append(addingCapacity: 8) { body in
      body.append(UInt8(role.rawValue >> 8))
      body.append(UInt8(role.rawValue & 0xFF))
      body.append(keepConnection ? Record.keepConnection : 0)
      body.append(repeating: 0, count: 5)
    }
  }

  /// Appends FCGI_GET_VALUES (4.1).
  ///
  /// - Parameters:
  ///   - variables: what is asked for.
  ///   - paddingBytes: libfcgi 2.4.2 answers only when another byte follows the content; padding is one.
  public static func appendGetValues(
    _ variables: [ApplicationVariable] = ApplicationVariable.allCases, paddingBytes: Int = 8,
    to output: inout [UInt8]
  ) {
    // A name and its two lengths of one byte each; the value is empty.
    let contentBytes = variables.reduce(0) { $0 + 2 + $1.rawValue.utf8.count }
    appendHeader(
      .getValues, id: Record.managementID, contentBytes: contentBytes, paddingBytes: paddingBytes, to: &output)
    for variable in variables {
      output.append(UInt8(variable.rawValue.utf8.count))
      output.append(0)
      output.append(contentsOf: variable.rawValue.utf8)
    }
    output.append(contentsOf: repeatElement(0, count: paddingBytes))
  }

  /// Appends a piece of a stream in as many records as it needs (3.3). An empty piece appends nothing, since an
  /// empty record would end the stream.
  ///
  /// - Parameters:
  ///   - type: FCGI_STDIN or FCGI_DATA, or FCGI_PARAMS whose pairs are encoded already.
  ///   - id: that of the request.
  public static func appendStream(
    _ type: RecordType, id: UInt16, _ content: Span<UInt8>, to output: inout [UInt8]
  ) {
    precondition(type.isStream && type.isSentByServer, "a stream that a web server sends")
    var index = 0
    while index < content.count {
      // What is left goes whole into the last record, which has room for more than a full one.
      let left = content.count - index
      let size = left <= Record.maximumContentBytes ? left : Record.fullContentBytes
      appendHeader(type, id: id, contentBytes: size, to: &output)
      output.append(copying: content.extracting(index..<index + size))
      index += size
    }
  }

  /// Appends the empty record that ends a stream (3.3).
  public static func appendEndOfStream(_ type: RecordType, id: UInt16, to output: inout [UInt8]) {
    precondition(type.isStream && type.isSentByServer, "a stream that a web server sends")
    appendHeader(type, id: id, contentBytes: 0, to: &output)
  }
}
