/// The labels of a batch, for tests of loaders that deliver nothing else.

import Datasets
import Tensors

extension Batch {
  /// [count].
  var labels: UnsafeBufferPointer<Int32> {
    targets.view(0, .label, images: 0..<count, as: Int32.self).elements
  }
}
