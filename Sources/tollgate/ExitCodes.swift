import ArgumentParser
import Gateway
import Kernel

/// The exit codes of sysexits.h, as far as Tollgate uses them.
enum Sysexits {
  static let usage = ExitCode(64)
  /// A directory or file that is named does not exist, or cannot be read.
  static let noInput = ExitCode(66)
  /// What is asked for is not there: no server runs.
  static let unavailable = ExitCode(69)
  /// The system refuses what a server needs.
  static let systemError = ExitCode(71)
  /// A part of the installation is missing.
  static let missingPart = ExitCode(72)
  static let cannotCreate = ExitCode(73)
  /// The address is in use: try again later, or elsewhere.
  static let temporaryFailure = ExitCode(75)
  static let noPermission = ExitCode(77)
  /// The configuration is wrong.
  static let configuration = ExitCode(78)
}

/// Says why the command ends, on standard error, and gives the error that ends it.
func failure(_ code: ExitCode, _ words: String) -> ExitCode {
  try? writeFully(ThisProcess.standardError, Array("tollgate: \(words)\n".utf8))
  return code
}

extension GatewayError {
  var exitCode: ExitCode {
    switch self {
    case .addressInUse, .addressOccupied: Sysexits.temporaryFailure
    case .cannotListen(_, .permissionDenied): Sysexits.noPermission
    case .cannotListen, .system, .ending: Sysexits.systemError
    case .noSpawner: Sysexits.missingPart
    }
  }
}
