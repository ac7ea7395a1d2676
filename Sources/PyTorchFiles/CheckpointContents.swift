/// A checkpoint before its tensors are looked for, in either of the formats that `torch.save` has written.

/// Storages by their keys.
protocol StoredBytes: Sendable {
  /// The size of a storage; nil if it is not in the file.
  func byteCount(_ key: String) -> Int?
  /// The whole storage `key`, which is in the file.
  func bytes(_ key: String) throws(PyTorchFileError) -> [UInt8]
}

/// The pickled object, with the tables of the machine that made it, and the storages that its tensors lie in.
struct CheckpointContents {
  let object: PickleValue
  let machine: PickleMachine
  let storages: any StoredBytes
}

/// What a file's first bytes say it is.
enum CheckpointFormat {
  /// Since PyTorch 1.6.
  case archive
  /// Before, and with `_use_new_zipfile_serialization=False`.
  case sequence

  /// - Throws: `PyTorchFileError.notACheckpoint`, `system`.
  init(_ file: FileBytes) throws(PyTorchFileError) {
    let begin = try file.bytes(0..<min(SequenceSignature.maximumByteCount, file.count))
    if begin.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      self = .archive
    } else if SequenceSignature.end(in: begin) != nil {
      self = .sequence
    } else {
      throw .notACheckpoint(file: file.path)
    }
  }
}
