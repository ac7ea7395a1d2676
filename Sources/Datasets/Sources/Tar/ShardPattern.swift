/// The tar files that a pattern such as `train-{0000..0146}.tar` or `train-*.tar` means.

import Foundation

enum ShardPattern {
  /// All files that a pattern means: braces in the order in which they are written, wildcards sorted.
  ///
  /// - Parameter pattern: paths with `{a,b}`, `{00..12}`, `*`, `?` and `[…]`, or a folder, of whose
  ///   `.tar` files those of the split are taken.
  /// - Throws: `DatasetError.missing` where nothing is there.
  static func files(_ pattern: String, split: DatasetSplit) throws -> [String] {
    if isFolder(pattern) { return try files(inFolder: pattern, split: split) }
    return try expandedBraces(pattern).flatMap { path in
      let found = path.contains(where: { "*?[".contains($0) }) ? wildcards(path) : [path]
      guard !found.isEmpty, found.allSatisfy({ FileManager.default.fileExists(atPath: $0) }) else {
        throw missing(path)
      }
      return found
    }
  }

  /// `train/*.tar` and `test/` or `val/`, or files with these words in their names; else all, for both splits.
  private static func files(inFolder folder: String, split: DatasetSplit) throws -> [String] {
    let words = split == .train ? ["train"] : ["test", "val"]
    for word in words where isFolder(folder + "/" + word) {
      return try tars(in: folder + "/" + word)
    }
    let all = try tars(in: folder)
    let ofSplit = all.filter { file in
      let name = (file as NSString).lastPathComponent.lowercased()
      return words.contains { name.contains($0) }
    }
    return ofSplit.isEmpty ? all : ofSplit
  }

  private static func tars(in folder: String) throws -> [String] {
    let found = try ImageFiles.visibleNames(in: folder).map { folder + "/" + $0 }
      .filter { $0.lowercased().hasSuffix(".tar") && !isFolder($0) }
    guard !found.isEmpty else { throw missing(folder + "/*.tar") }
    return found
  }

  private static func missing(_ path: String) -> DatasetError {
    .missing(
      dataset: "tar shards", file: "tar file", searched: [path],
      remedy: "Give tar files, such as 'train-{0000..0146}.tar' or 'train-*.tar' in quotes, or the "
        + "folder that holds them.")
  }

  private static func wildcards(_ path: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(path, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
  }

  /// As a shell expands braces.
  static func expandedBraces(_ pattern: String) -> [String] {
    guard let open = pattern.firstIndex(of: "{"), let close = matching(open, in: pattern) else {
      return [pattern]
    }
    let inner = pattern[pattern.index(after: open)..<close]
    let head = pattern[..<open]
    let tails = expandedBraces(String(pattern[pattern.index(after: close)...]))
    guard let middles = numbers(inner) ?? alternatives(inner) else {
      return tails.map { head + "{" + inner + "}" + $0 }
    }
    return middles.flatMap { middle in
      expandedBraces(middle).flatMap { middle in tails.map { head + middle + $0 } }
    }
  }

  private static func matching(_ open: String.Index, in text: String) -> String.Index? {
    var depth = 0
    for index in text.indices[open...] {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  /// `0008..0011`, with as many digits as the ends have where one begins with a zero.
  private static func numbers(_ text: Substring) -> [String]? {
    let ends = text.components(separatedBy: "..")
    guard ends.count == 2, let low = Int(ends[0]), let high = Int(ends[1]),
      low >= 0, high >= 0, abs(high - low) < 1_000_000
    else { return nil }
    let isPadded = ends.contains { $0.count > 1 && $0.hasPrefix("0") }
    let digits = isPadded ? ends.map(\.count).max()! : 0
    return stride(from: low, through: high, by: low <= high ? 1 : -1).map { number in
      let text = String(number)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
  }

  /// `a,b`, with commas in inner braces left alone.
  private static func alternatives(_ text: Substring) -> [String]? {
    var parts = [""]
    var depth = 0
    for character in text {
      if character == "{" { depth += 1 }
      if character == "}" { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts.count > 1 ? parts : nil
  }
}
