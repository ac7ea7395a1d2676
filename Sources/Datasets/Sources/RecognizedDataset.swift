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

  /// Checks that there is some data set at `path`.
  ///
  /// - Throws: `DatasetError`, which says what is there instead.
  static func checkIsRecognized(_ path: String) throws {
    if recognized(at: path) != nil { return }
    guard isFolder(path) else { throw DatasetError.noFolder(path: path) }
    let names = try ImageFiles.visibleNames(in: path)
    throw names.contains(where: ImageFiles.isImage)
      ? DatasetError.noClasses(path: path) : DatasetError.unknownData(path: path)
  }
}
