/// Which data set a folder holds, by its files.

import Foundation

extension DatasetName {
  /// The data set at `path`, a folder or a pattern of tar files; nil: no files of any are there.
  package static func recognized(at path: String) -> DatasetName? {
    if path.hasSuffix(".tar") || path.hasSuffix(".tar.gz") { return .tarShards }
    guard let names = try? ImageFiles.visibleNames(in: path) else { return nil }
    if names.contains(where: { $0.hasSuffix(".tar") }) { return .tarShards }
    if names.contains(where: { $0.contains("-images-idx3-ubyte") }) { return .fashionMNIST }
    if names.contains("cifar-10-batches-bin") || names.contains("data_batch_1.bin") {
      return .cifar10
    }
    if names.contains("cifar-100-binary") || names.contains("fine_label_names.txt") {
      return .cifar100
    }
    return names.contains { isFolder(path + "/" + $0) } ? .imageFolder : nil
  }
}
