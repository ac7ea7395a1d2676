/// Lines of a script or manifest, in groups below a comment that says why they are there.

struct CommentedLines {
  private(set) var lines: [String]

  init(_ lines: [String] = []) { self.lines = lines }

  mutating func add(_ reasons: String..., lines added: [String]) {
    lines += reasons.map { "# \($0)" } + added
  }

  /// An empty line, and lines below a comment.
  mutating func addParagraph(_ reasons: String..., lines added: [String]) {
    lines += [""] + reasons.map { "# \($0)" } + added
  }
}

/// Lines that a batch system reads as the options of a job.
struct Directives {
  private let prefix: String

  init(_ prefix: String) { self.prefix = prefix }

  /// One line for each option that is there.
  func callAsFunction(_ options: String?...) -> [String] {
    options.compactMap { $0.map { "\(prefix) \($0)" } }
  }
}
