// What Package.swift says, read as text: asking the package manager would wait for the build that runs the tests.

/// A target as Package.swift declares it.
struct PackageTarget: Equatable {
  let name: String
  /// `target`, `executableTarget`, `testTarget` or `systemLibrary`.
  let kind: String
  /// Targets of the house.
  let targets: [String]
  /// Products of other packages.
  let products: [String]
  /// Everything between the parentheses, without comments.
  let declaration: String
}

private let targetKinds = ["target", "executableTarget", "testTarget", "systemLibrary", "macro", "plugin"]

/// The targets of a package manifest, in their order.
func packageTargets(in manifest: String) -> [PackageTarget] {
  let code = Array(SourceScanner.code(of: manifest, .swift, keepsQuotedText: true))
  let openings = targetKinds.map { (kind: $0, text: Array(".\($0)(")) }
  var found: [PackageTarget] = []
  var at = 0
  while at < code.count {
    guard code[at] == ".", let opening = openings.first(where: { code[at...].starts(with: $0.text) }) else {
      at += 1
      continue
    }
    let inside = enclosed(code, from: at + opening.text.count)
    // On behind it: a dependency may be written as a `.target(…)` too, and is none.
    at += opening.text.count + inside.count
    if let target = packageTarget(kind: opening.kind, String(inside)) { found.append(target) }
  }
  return found
}

private func packageTarget(kind: String, _ declaration: String) -> PackageTarget? {
  guard let name = quotedText(declaration, after: "name:").first else { return nil }
  var rest = declaration
  var products: [String] = []
  // A product is taken out whole, so that neither its name nor its package passes for a target's.
  while let product = rest.firstRange(of: ".product(") {
    let text = String(enclosed(Array(rest[product.upperBound...]), from: 0))
    products += quotedText(text, after: "name:").prefix(1)
    rest.removeSubrange(product.lowerBound...rest.index(product.upperBound, offsetBy: text.count))
  }
  return PackageTarget(
    name: name, kind: kind, targets: dependencies(rest), products: products, declaration: declaration)
}

/// What stands between an open parenthesis, which ends right before `start`, and the one that closes it.
private func enclosed(_ code: [Character], from start: Int) -> ArraySlice<Character> {
  var depth = 1
  var end = start
  while end < code.count {
    if "([".contains(code[end]) { depth += 1 }
    if ")]".contains(code[end]) { depth -= 1 }
    if depth == 0 { break }
    end += 1
  }
  return code[start..<end]
}

/// The texts in quotes behind `label`, up to the end.
private func quotedText(_ text: String, after label: String) -> [String] {
  guard let label = text.firstRange(of: label) else { return [] }
  let parts = text[label.upperBound...].split(separator: "\"", omittingEmptySubsequences: false)
  return parts.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
}

private func dependencies(_ declaration: String) -> [String] {
  guard let label = declaration.firstRange(of: "dependencies:"),
    let open = declaration[label.upperBound...].firstIndex(of: "[")
  else { return [] }
  let list = enclosed(Array(declaration[declaration.index(after: open)...]), from: 0)
  return quotedText("list:" + String(list), after: "list:")
}

/// The faults of a manifest, seen beside the table of the house.
func packageFaults(in manifest: String) -> [Fault] {
  var faults: [Fault] = []
  func fault(_ what: String) { faults.append(Fault(path: "Package.swift", line: 0, what: what)) }
  let code = SourceScanner.code(of: manifest, .swift)
  if code.contains("unsafe" + "Flags") { fault("flags without checks are refused by packages that depend on this one") }
  let targets = packageTargets(in: manifest)
  for target in targets where target.kind != "testTarget" {
    guard let rule = House.rule(target.name) else {
      fault("\(target.name) is not in the table of the house")
      continue
    }
    for name in target.targets + target.products {
      if let objection = House.objection(to: name, in: rule) { fault(objection) }
    }
  }
  let strict = code.firstRange(of: "let strictlySafe: [SwiftSetting] = [").map {
    code[$0.upperBound...].prefix { $0 != "]" }
  }
  let kept = SourceScanner.code(of: manifest, .swift, keepsQuotedText: true)
  if strict?.contains(".strictMemorySafety()") != true
    || !kept.contains(".treatWarning(\"StrictMemorySafety\", as: .error)")
  {
    fault("`strictlySafe` must turn strict memory safety on and its warnings into errors")
  }
  for target in targets where ["HTTPWire", "FastCGIWire"].contains(target.name) {
    if !target.declaration.contains("swiftSettings: strictlySafe") {
      fault("\(target.name) must be built with `strictlySafe`")
    }
  }
  return faults
}

/// The imports of `file` that the manifest does not declare for its target.
func undeclaredImports(_ file: SourceFile, targets: [PackageTarget]) -> [Fault] {
  let parts = file.path.split(separator: "/")
  guard file.type == "swift", parts.count > 2, ["Sources", "Tests"].contains(parts[0]),
    let target = targets.first(where: { $0.name == parts[1] })
  else { return [] }
  let declared = Set(target.targets + target.products + [target.name])
  let provided: Set<String> = ["Swift", "Synchronization", "Glibc", "Foundation", "FoundationEssentials", "Testing"]
  return swiftImports(in: file.text).filter { !declared.contains($0.module) && !provided.contains($0.module) }
    .map { Fault(path: file.path, line: $0.line, what: "imports \($0.module), which Package.swift does not declare") }
}
