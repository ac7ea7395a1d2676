/// PyTorch's format since version 1.6 (`torch/serialization.py`, `_save`): a zip archive with the entries
/// `NAME/data.pkl`, a pickle whose tensors refer to storages, and `NAME/data/KEY`, their bytes.

extension CheckpointContents {
  init(archive file: FileBytes) throws(PyTorchFileError) {
    let archive = try StoredArchive(file)
    let pickles = archive.entries.filter { $0.key.hasSuffix("/data.pkl") }
    guard pickles.count == 1, let (name, pickle) = pickles.first else {
      throw file.malformed("it has \(pickles.count) entries data.pkl, expected one")
    }
    guard pickle.byteCount <= PickleBytes.maximumByteCount else {
      throw file.malformed(
        "its pickle of \(pickle.byteCount) bytes is beyond \(PickleBytes.maximumByteCount)")
    }
    let folder = String(name.dropLast("data.pkl".count))
    if let order = try archive.bytes("\(folder)byteorder"), order != Array("little".utf8) {
      throw file.malformed("its numbers are not little-endian")
    }
    var machine = PickleMachine(try archive.bytes(name)!, file: file.path)
    object = try machine.run()
    self.machine = machine
    storages = ArchivedStorages(archive: archive, folder: "\(folder)data/")
  }
}

/// Storages that are entries of an archive.
private struct ArchivedStorages: StoredBytes {
  let archive: StoredArchive
  /// With its slash.
  let folder: String

  func byteCount(_ key: String) -> Int? { archive.entries[folder + key]?.byteCount }

  func bytes(_ key: String) throws(PyTorchFileError) -> [UInt8] {
    try archive.bytes(folder + key)!
  }
}
