/// What a configuration must ask the system. Closures, so that whoever reads a configuration decides what is there.
public struct SystemQuestions: Sendable {
  /// What a path names, symbolic links followed.
  public enum Found: Sendable, Equatable {
    /// A directory that may be read.
    case directory
    case file(isExecutable: Bool)
    /// A socket, a device and the like.
    case other
    case missing
    /// It may not be looked at, or not be read: why, in words.
    case refused(String)
  }

  /// Looks at an absolute path.
  public var look: @Sendable (String) -> Found
  /// An absolute path without symbolic links; nil where there is nothing.
  public var canonicalPath: @Sendable (String) -> String?
  /// The directories of PATH.
  public var searchPath: [String]
  /// What keeps a well-formed address from being one: that its host's name is not known, in words; nil where nothing
  /// does. Not asked of Unix sockets.
  public var addressObjection: @Sendable (String) -> String?
  /// What keeps a file without a name from being made in a directory, in words; nil where nothing does.
  public var fileObjection: @Sendable (String) -> String?
  /// Whether a variable of this name is made for each request, so that a configuration cannot set it.
  public var isComputedVariable: @Sendable (String) -> Bool

  public init(
    look: @escaping @Sendable (String) -> Found, canonicalPath: @escaping @Sendable (String) -> String?,
    searchPath: [String], addressObjection: @escaping @Sendable (String) -> String?,
    fileObjection: @escaping @Sendable (String) -> String?, isComputedVariable: @escaping @Sendable (String) -> Bool
  ) {
    self.look = look
    self.canonicalPath = canonicalPath
    self.searchPath = searchPath
    self.addressObjection = addressObjection
    self.fileObjection = fileObjection
    self.isComputedVariable = isComputedVariable
  }
}
