/// How a source is called in messages.

import Tensors

extension DatasetSplit {
  /// `60,000 training images`.
  func describe(count: Int) -> String {
    let kind = self == .train ? "training" : "test"
    return "\(count.grouped) \(kind) image\(count == 1 ? "" : "s")"
  }
}
