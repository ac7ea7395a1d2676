/// The labels of a batch, for tests of loaders that deliver nothing else.

import Datasets
import Tensors

extension Batch {
  /// [count].
  var labels: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(
      start: targets.pointer(0, .label, image: 0, as: Int32.self), count: count)
  }
}
