// A key and all that is known of it. The tables of keys (ServerKeys, PoolKeys, RouteKeys, SiteKeys) are made of these,
// and from them come what is accepted, what `--dump` prints, and the reference.

/// A table of the configuration.
protocol ConfigurationSection: Sendable {
  init()
  static var keys: [Key<Self>] { get }
  /// Keys that are known, and do not work yet.
  static var plannedKeys: [String] { get }
}

/// What a key means nothing without.
struct Needs: Sendable {
  /// One of these keys must be there, too.
  let oneOf: [String]
  /// The key in whose presence it belongs elsewhere, and the words that say where.
  var elsewhere: (key: String, words: String)?

  /// What is wrong where a section has these keys; nil where nothing is.
  func objection(_ present: Set<String>) -> String? {
    if oneOf.contains(where: present.contains) { return nil }
    if let elsewhere, present.contains(elsewhere.key) { return elsewhere.words }
    return "means nothing without " + oneOf.map { "«\($0)»" }.joined(separator: " or ")
  }
}

/// One key of a section.
struct Key<Section: Sendable>: Sendable {
  let name: String
  /// What kind of value it takes, and which, as the reference says it.
  let type: String
  /// What stands in the reference where its default is not a value.
  let defaultWords: String?
  let isRequired: Bool
  let needs: Needs?
  /// One sentence, or two.
  let sentence: String
  let read: @Sendable (TOMLValue, inout Section, Reader) -> Void
  /// The value as TOML; nil where there is none to write.
  let text: @Sendable (Section) -> String?

  private init<Value: Sendable>(
    _ name: String, _ type: ValueType<Value>, _ needs: Needs?, _ isRequired: Bool, _ defaultWords: String?,
    _ sentence: String, set: @escaping @Sendable (Value, inout Section) -> Void,
    text: @escaping @Sendable (Section) -> String?
  ) {
    self.name = name
    self.type = type.name
    self.defaultWords = defaultWords
    self.isRequired = isRequired
    self.needs = needs
    self.sentence = sentence
    read = { value, section, reader in
      if let read = type.read(value, reader) { set(read, &section) }
    }
    self.text = text
  }

  /// A key that always has a value.
  init<Value: Sendable>(
    _ name: String, _ type: ValueType<Value>, _ field: any WritableKeyPath<Section, Value> & Sendable,
    needs: Needs? = nil, isRequired: Bool = false, defaultWords: String? = nil, _ sentence: String
  ) {
    self.init(
      name, type, needs, isRequired, defaultWords, sentence, set: { $1[keyPath: field] = $0 },
      text: { type.text($0[keyPath: field]) })
  }

  /// A key without which there is no value.
  init<Value: Sendable>(
    _ name: String, _ type: ValueType<Value>, _ field: any WritableKeyPath<Section, Value?> & Sendable,
    needs: Needs? = nil, defaultWords: String, _ sentence: String
  ) {
    self.init(
      name, type, needs, false, defaultWords, sentence, set: { $1[keyPath: field] = $0 },
      text: { $0[keyPath: field].flatMap(type.text) })
  }
}

/// What stood in a table.
struct ReadSection<Section: Sendable>: Sendable {
  var section: Section
  /// The keys with their tables but without their own name: `site.route`.
  let name: String
  let place: Place
  /// The known keys that were there, right or wrong, by their names.
  var entries: [String: TOMLEntry] = [:]
  /// Besides those, the keys that somebody meant who wrote them wrong.
  var present: Set<String> = []

  func has(_ key: String) -> Bool { present.contains(key) }

  /// Where a key stands; the section's own place where it is not there.
  func place(of key: String) -> Place { entries[key]?.place ?? place }

  /// Where the value of a key stands.
  func place(ofValue key: String) -> Place { entries[key]?.value.place ?? place }
}

extension Reader {
  /// Reads the keys of a table.
  /// - Parameters:
  ///   - place: where the table begins.
  ///   - name: the table's, as a fault names it.
  ///   - handled: further keys that the caller reads by itself.
  func read<Section: ConfigurationSection>(
    _ type: Section.Type, _ entries: [TOMLEntry], _ place: Place, name: String, handled: [String] = []
  ) -> ReadSection<Section> {
    var result = ReadSection(section: Section(), name: name, place: place)
    for entry in entries where !handled.contains(entry.key) {
      key = "\(name).\(TOMLText.key(entry.key))"
      guard let known = Section.keys.first(where: { $0.name == entry.key }) else {
        if let meant = unknown(entry, in: type, handled) { result.present.insert(meant) }
        continue
      }
      result.entries[entry.key] = entry
      result.present.insert(entry.key)
      known.read(entry.value, &result.section, self)
    }
    for known in Section.keys {
      if let entry = result.entries[known.name], let objection = known.needs?.objection(result.present) {
        fault(entry.place, key: "\(name).\(known.name)", objection)
      }
      if known.isRequired, !result.has(known.name) {
        fault(place, key: name, "has no «\(known.name)»: it needs \(known.type)")
      }
    }
    return result
  }

  /// Says of a key that another table has where it belongs; false where no table has it.
  func belongsElsewhere(_ entry: TOMLEntry) -> Bool {
    let owners = KeyDescription.all.filter { $0.name == entry.key }.map(\.section)
    if owners.isEmpty { return false }
    fault(entry.place, "does not belong here, but in \(owners.joined(separator: " or "))")
    return true
  }

  /// Says of an unknown key which one may be meant, and gives that one where it is the section's own.
  private func unknown<Section: ConfigurationSection>(
    _ entry: TOMLEntry, in type: Section.Type, _ handled: [String]
  ) -> String? {
    let own = Section.keys.map(\.name) + handled
    if Section.plannedKeys.contains(entry.key) {
      fault(entry.place, "is not supported yet")
      return nil
    }
    if belongsElsewhere(entry) { return nil }
    let meant = NearestName.of(entry.key, among: own)
    let known =
      own.count > 8
      ? "`tollgate check --reference` lists those that are known"
      : "known are " + own.map { "«\($0)»" }.joined(separator: ", ")
    fault(entry.place, "unknown key; " + (meant.map { "did you mean «\($0)»?" } ?? known))
    return meant
  }
}
