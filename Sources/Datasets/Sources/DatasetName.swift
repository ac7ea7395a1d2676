/// The data sets that are built in, and how each is opened.

/// The data sets that are built in.
package enum DatasetName: String, CaseIterable, Codable, Sendable {
  case fashionMNIST = "fashion-mnist"
  case cifar10
  case cifar100
  case imageFolder = "image-folder"
  case tarShards = "webdataset"
  case synthetic

  /// Opens a split.
  ///
  /// - Parameters:
  ///   - directory: nil is the data set's usual place.
  ///   - classNames: those of the training images, for a test split that does not know them; nil: none.
  ///   - decoding: how image files are decoded.
  ///   - seed: of synthetic images.
  /// - Throws: `DatasetError`, `MissingDataDirectory`.
  package func open(
    _ split: DatasetSplit, directory: String?, classNames: [String]? = nil, decoding: ImageDecoding,
    seed: UInt64
  ) throws -> any ImageSource {
    switch self {
    case .fashionMNIST:
      // It is the default, so a folder without any known data set comes here too.
      if let directory { try Self.checkIsRecognized(directory) }
      return try FashionMNIST(directory: directory, split: split)
    case .cifar10: return try CIFARBinary(.cifar10, directory: directory, split: split)
    case .cifar100: return try CIFARBinary(.cifar100, directory: directory, split: split)
    case .imageFolder:
      guard let directory else { throw MissingDataDirectory() }
      if split == .test, let folder = ILSVRCValidation.folder(in: directory) {
        return try ILSVRCValidation(folder: folder, decoding: decoding)
      }
      return try ImageFolder(directory: directory, split: split, decoding: decoding)
    case .tarShards:
      guard let directory else { throw MissingDataDirectory() }
      return try TarShards(directory, split: split, classNames: classNames, decoding: decoding)
    case .synthetic:
      return SyntheticImages(
        count: split == .train ? 4096 : 1024, classCount: 10, seed: seed, split: split)
    }
  }
}

/// These data sets have no default folder.
package struct MissingDataDirectory: Error, CustomStringConvertible {
  package var description: String {
    "--dataset image-folder needs --data-dir: a folder with train/<class>/ and test/<class>/, or "
      + "with <class>/ folders of JPEG or PNG images; --dataset webdataset needs tar files there, such "
      + "as 'train-{0000..0146}.tar'"
  }
}
