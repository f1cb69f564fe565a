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
        tollgate check --config tollgate.toml --explain http://example.org/wiki/doku.php/start
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

  @Option(
    help: ArgumentHelp(
      "Say what a GET for this URL, or for this path, would come to: site, route, file, program.", valueName: "url"))
  var explain: String?

  func validate() throws {
    if reference {
      guard config == nil, !dump, explain == nil else { throw ValidationError("--reference stands alone") }
    } else if config == nil {
      throw ValidationError("--config FILE is missing")
    } else if dump, explain != nil {
      throw ValidationError("--dump and --explain exclude each other")
    }
  }

  func run() throws {
    guard let path = config else { return say(ConfigurationReference.markdown()) }
    do throws(UnusableConfiguration) {
      let (file, warnings) = try ConfigurationFile.load(path)
      complain(warnings.map(\.asWarning))
      // Made in any case: what serve would refuse here, check must.
      let settings = try ConfiguredSettings.make(file, name: path)
      if let explain {
        say(ExplanationText(explain, settings, file).text())
      } else {
        say(dump ? file.dump() : ConfigurationText(file, name: path).text(.standardOutput()))
      }
    } catch {
      throw error.say()
    }
  }

  private func say(_ text: String) { try? writeFully(ThisProcess.standardOutput, Array(text.utf8)) }
}
