/// The documentation of `MPI` quotes the examples that the multi-rank tests run.

import Foundation
import Testing

/// The repository's top folder.
private let root = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private func text(_ path: String) throws -> String {
  try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

/// The files below a folder whose names end with `suffix`, as paths from the top folder.
private func files(_ folder: String, _ suffix: String) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
    .filter { $0.hasSuffix(suffix) }.map { "\(folder)/\($0)" }.sorted()
    .filter {
      (try? root.appending(path: $0).resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile
        == true
    }
}

@Suite struct QuotedExampleTests {
  @Test(
    "an article quotes its example as it is run",
    arguments: [
      ("GettingStarted", "MeanExample"), ("RequestsAndBuffers", "OverlapExample"),
      ("RequestsAndBuffers", "RingExample"), ("SharedMemory", "SharedMemoryExample"),
    ])
  func quoted(article: String, example: String) throws {
    let source = try text("Tests/MultiRank/Examples/\(example).swift")
    let begin = try #require(source.range(of: "// example\n"))
    let end = try #require(source.range(of: "// end\n"))
    let code = source[begin.upperBound..<end.lowerBound]
      .trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(code.count > 100)
    let page = try text("Sources/MPI/MPI.docc/\(article).md")
    #expect(page.contains("```swift\n\(code)\n```"), "\(article) does not quote \(example)")
  }

  @Test("every example is quoted")
  func complete() throws {
    let pages = try files("Sources/MPI/MPI.docc", ".md").map(text).joined()
    for path in try files("Tests/MultiRank/Examples", "Example.swift") {
      let source = try text(path)
      let name = try #require(source.firstMatch(of: /\nfunc ([a-zA-Z]+)/)).1
      #expect(pages.contains("func \(name)("), "\(path)")
    }
  }
}

@Suite struct LinkTests {
  @Test("links between the documents lead to files")
  func links() throws {
    let pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] + (try files("docs", ".md"))
    #expect(pages.count > 15)
    var count = 0
    for page in pages {
      let folder = (page as NSString).deletingLastPathComponent
      for match in try text(page).matches(of: /\]\(([^)#\s]+)(#[^)]*)?\)/) {
        let target = String(match.1)
        if target.contains("://") || target.hasPrefix("mailto:") { continue }
        let path = root.appending(path: folder).appending(path: target).standardizedFileURL.path
        #expect(FileManager.default.fileExists(atPath: path), "\(page): \(target)")
        count += 1
      }
    }
    #expect(count > 40)
  }

  @Test("links into a document lead to one of its headings")
  func headings() throws {
    let pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] + (try files("docs", ".md"))
    var anchors: [String: Set<String>] = [:]
    for page in pages {
      let headings = try text(page).split(separator: "\n").filter { $0.hasPrefix("#") }
      anchors[page] = Set(headings.map { Self.anchor(of: String($0)) })
    }
    for page in pages {
      let folder = (page as NSString).deletingLastPathComponent
      for match in try text(page).matches(of: /\]\(([^)#\s]*)#([^)\s]+)\)/) {
        let target = String(match.1)
        if target.contains("://") { continue }
        let file =
          target.isEmpty
          ? root.appending(path: page) : root.appending(path: folder).appending(path: target)
        let path = file.standardizedFileURL.path
        guard let known = anchors[String(path.dropFirst(root.path.count + 1))] else { continue }
        #expect(known.contains(String(match.2)), "\(page): \(target)#\(match.2)")
      }
    }
  }

  /// What GitHub makes of a heading.
  private static func anchor(of heading: String) -> String {
    let words = heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
    return String(words.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) })
      .replacingOccurrences(of: " ", with: "-")
  }
}

@Suite struct VariableTests {
  @Test("installing.md lists the environment variables of the scripts and of the build")
  func variables() throws {
    let scripts =
      ["bench-peers", "install", "multi-host", "package-deb", "run", "setup", "test"].map {
        "launch/\($0)"
      } + ["Package.swift"] + (try files("Tests", "/run"))
    let page = try text("docs/installing.md")
    var names: Set<String> = []
    for path in scripts {
      names.formUnion(
        try text(path).matches(of: /RESNET_DIST_[A-Z_]*[A-Z]/).map { String($0.0) })
    }
    #expect(names.count >= 7)
    for name in names.sorted() { #expect(page.contains("`\(name)`"), "\(name)") }
  }
}
