import Glibc

/// The columns of the terminal behind a descriptor; nil where there is none or it does not know. ioctl(TIOCGWINSZ).
public func terminalColumns(_ raw: CInt) -> Int? {
  var size = winsize()
  guard ioctl(raw, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
  return Int(size.ws_col)
}
