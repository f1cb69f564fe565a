// The command `tollgate check`: what is wrong with a configuration, or what it comes to.

import ArgumentParser
import Configuration
import Kernel
import Presentation

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say everything that is wrong with a configuration, or show its routes.",
    discussion: """
      Nothing is run and no address is bound. Every fault is said at once, each as FILE:LINE:COLUMN: KEY: what is \
      wrong and what would be right. A configuration that is right is shown: every route with its model, its limits, \
      and who may use it; warnings go to standard error.

      Examples:
        tollgate check --config tollgate.toml
        tollgate check --config tollgate.toml --dump
        tollgate check --reference

      Exit codes: 0 the configuration is right, 64 the arguments cannot be used, 66 FILE cannot be read, 78 the \
      configuration is wrong.
      """)

  @Option(help: ArgumentHelp("The configuration to check.", valueName: "file"))
  var config: String?

  @Flag(help: "Print the configuration with every default instead, as TOML that means the same.")
  var dump = false

  @Flag(help: "Print the reference of every key, in Markdown, and check nothing.")
  var reference = false

  func validate() throws {
    if reference {
      guard config == nil, !dump else { throw ValidationError("--reference stands alone") }
    } else if config == nil {
      throw ValidationError("--config FILE is missing")
    }
  }

  func run() throws {
    guard let path = config else {
      try? writeFully(ThisProcess.standardOutput, Array(ConfigurationReference.markdown().utf8))
      return
    }
    let outcome: ConfigurationOutcome
    do throws(Errno) {
      outcome = try ConfigurationFile.load(path)
    } catch {
      throw failure(Sysexits.noInput, "\(path) cannot be read: \(error)")
    }
    switch outcome {
    case .refused(let faults):
      let summary = "\(faults.count) \(faults.count == 1 ? "fault" : "faults") in \(path)"
      Self.complain(faults.map(\.description) + [summary])
      throw Sysexits.configuration
    case .accepted(let file, let warnings):
      Self.complain(warnings.map(\.asWarning))
      let text = dump ? file.dump() : ConfigurationText(file, name: path).text(.standardOutput())
      try? writeFully(ThisProcess.standardOutput, Array(text.utf8))
    }
  }

  /// Lines on standard error. They may quote the file, and the file anything.
  private static func complain(_ lines: [String]) {
    let text = lines.map { Terminal.printable($0) + "\n" }.joined()
    try? writeFully(ThisProcess.standardError, Array(text.utf8))
  }
}

extension ConfigurationFault {
  /// The line that says it as a warning.
  var asWarning: String {
    var marked = self
    marked.words = "warning: " + words
    return marked.description
  }
}
