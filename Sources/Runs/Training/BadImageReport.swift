/// The bad images of an epoch, of all ranks, reported once.

import Datasets
import Distributed
import MPI
import Tensors

/// The images that could not be read, on any rank.
struct BadImageReport {
  /// The most images that a report names.
  private static let named = 10

  private let reasons: [String]

  /// Gathers the ranks' images. Collective.
  init(_ images: [BadImage], ranks: ProcessGroup) throws {
    let separator = "\u{1F}"
    let texts = try ranks.control.allGather(images.map(\.reason).joined(separator: separator))
    // Sorted, because the order of ranks depends on their number.
    reasons = texts.flatMap { $0.split(separator: separator).map(String.init) }.sorted()
  }

  /// Images that were replaced by others.
  var count: Int { reasons.count }

  /// Nil where there was none.
  var text: String? {
    guard count > 0 else { return nil }
    var lines = [
      "note: \(count.grouped) bad image\(count == 1 ? "" : "s") in this epoch, replaced by "
        + "\(count == 1 ? "another" : "others"):"
    ]
    lines += reasons.prefix(Self.named).map { "  " + $0 }
    if count > Self.named { lines.append("  and \((count - Self.named).grouped) more") }
    return lines.joined(separator: "\n")
  }
}
