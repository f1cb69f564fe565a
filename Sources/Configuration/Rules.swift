// What must hold between the keys of a route, and of a pool. A key that is there with a wrong value counts as there, so
// that one mistake is one fault.

extension Reader {
  /// Judges a route.
  /// - Parameter pools: the names of those that are there.
  func judge(_ route: ReadSection<RouteSection>, pools: [String]) {
    let runsFiles = route.has("static")
    let runsScripts = route.has("cgi")
    let asksPool = route.has("fastcgi")
    if !runsFiles, !runsScripts, !asksPool {
      fault(route.place, key: route.name, "answers nothing: it needs «static», «cgi» or «fastcgi»")
    }
    if runsScripts, asksPool {
      fault(route.place(of: "fastcgi"), key: "\(route.name).fastcgi", "excludes «cgi»: a route has one of the two")
    }
    if runsFiles, runsScripts || asksPool, !route.has("match") {
      let other = runsScripts ? "cgi" : "fastcgi"
      fault(
        route.place(of: "static"), key: "\(route.name).static",
        "with «\(other)» needs «match», which says what is run; the rest is sent")
    }
    if asksPool, !runsScripts, !runsFiles, route.has("match") {
      fault(
        route.place(of: "match"), key: "\(route.name).match",
        "with «fastcgi» needs «static», the directory of the files that match")
    }
    if asksPool, let name = route.section.fastcgi, !pools.contains(name) {
      let question = NearestName.question(name, among: pools)
      fault(
        route.place(ofValue: "fastcgi"), key: "\(route.name).fastcgi",
        "there is no [pool.\(TOMLText.key(name))]" + question)
    }
    judgeScripts(route)
  }

  /// Files and scripts of one route lie in the same directory, and one script has nothing to choose from.
  private func judgeScripts(_ route: ReadSection<RouteSection>) {
    guard let cgi = route.section.cgi else { return }
    if let files = route.section.staticDirectory {
      let isSame = system.canonicalPath(files) == system.canonicalPath(cgi.path)
      if !isSame {
        fault(
          route.place(ofValue: "cgi"), key: "\(route.name).cgi",
          "with «static» must be the same directory, \(files), not \(cgi.path): give the scripts a route of their own")
      }
    } else if case .script = cgi, route.has("match") {
      fault(
        route.place(of: "match"), key: "\(route.name).match", "has no use where «cgi» is one script: all goes to it")
    }
  }

  /// Judges a pool, and finds its program.
  func judge(_ pool: inout ReadSection<PoolSection>) {
    switch (pool.has("command"), pool.has("connect")) {
    case (false, false):
      fault(pool.place, key: pool.name, "has no workers: it needs «command», or «connect» where someone else runs them")
    case (true, true):
      fault(
        pool.place(of: "connect"), key: "\(pool.name).connect",
        "excludes «command»: either the workers are started, or someone else runs them")
    default: break
    }
    guard let first = pool.section.command.first, case .array(let words) = pool.entries["command"]?.value.content else {
      return
    }
    key = "\(pool.name).command"
    if first.isEmpty {
      fault(words[0].place, "the name of the program is empty")
    } else if let program = program(first, words[0].place) {
      pool.section.program = program
      if FilePath.hasSlash(first) { pool.section.command[0] = program }
    }
  }
}
