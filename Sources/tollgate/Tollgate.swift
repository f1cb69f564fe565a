import ArgumentParser
import Kernel

@main
struct Tollgate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tollgate",
    abstract: "A gateway from HTTP to programs that says what each answer cost.",
    discussion: """
      Examples:
        tollgate serve .               this directory, and the scripts in ./cgi-bin
        tollgate serve --config FILE   files, scripts, pools of FastCGI workers
        tollgate check --config FILE   everything that is wrong, or every route
        tollgate reload --config FILE  has the running server read it again
        tollgate trace http://127.0.0.1:8080/cgi-bin/hello.pl
      """,
    version: "0.1.0",
    subcommands: [Serve.self, Check.self, Reload.self, Trace.self])

  static func main() {
    ThisProcess.openStandardDescriptors()
    main(nil)
  }
}
