/// Reading the tensors of a PyTorch checkpoint without running anything of Python.

/// An open checkpoint whose storages and pickle have been validated; a tensor's bytes are read when
/// asked for.
public struct PyTorchFile {
  /// A named tensor.
  public struct Entry {
    public let name: String
    public let type: ElementType
    public var shape: [Int] { view.shape }
    let view: TensorView
  }

  public let path: String
  /// In the order in which they were saved.
  public let entries: [Entry]
  private let storages: any StoredBytes

  /// Where training scripts put the tensors, if not at the top.
  private static let nestings = ["state_dict", "model", "model_state_dict"]

  /// Whether the file at `path` is, by its name or first bytes, one of PyTorch's.
  public static func isLikely(_ path: String) -> Bool {
    if [".pth", ".pt", ".ckpt"].contains(where: path.lowercased().hasSuffix) { return true }
    guard let file = try? FileBytes(path: path) else { return false }
    return (try? CheckpointFormat(file)) != nil
  }

  /// - Throws: `PyTorchFileError`.
  public init(contentsOf path: String) throws(PyTorchFileError) {
    let file = try FileBytes(path: path)
    let contents =
      switch try CheckpointFormat(file) {
      case .archive: try CheckpointContents(archive: file)
      case .sequence: try CheckpointContents(sequence: file)
      }
    self.path = path
    storages = contents.storages
    entries = try Self.tensors(in: contents.object, of: contents.machine, file: path)
    try check(fileByteCount: file.count)
  }

  /// The tensors of floating-point types as Float32, row-major; doubles round to nearest.
  ///
  /// Each storage is read once.
  /// - Throws: `system`, `damagedEntry`.
  public func float32Tensors() throws(PyTorchFileError) -> [(
    name: String, shape: [Int], values: [Float]
  )] {
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    let byStorage = Dictionary(grouping: entries.filter(\.type.isFloatingPoint), by: \.view.storage)
    for (storage, entries) in byStorage {
      let bytes = try storages.bytes(storage.key)
      for entry in entries {
        tensors.append((entry.name, entry.shape, entry.view.float32(bytes)))
      }
    }
    return tensors
  }

  /// The named tensors of the pickled object, or of a dictionary in it.
  private static func tensors(
    in object: PickleValue, of machine: PickleMachine, file: String
  ) throws(PyTorchFileError) -> [Entry] {
    guard case .dictionary(let top) = object else {
      throw .noTensors(file: file, found: object.kind)
    }
    let whole = entries(of: top, in: machine)
    if !whole.isEmpty { return whole }
    var keys: [String] = []
    for case (.string(let key), let value) in machine.dictionaries[top] {
      keys.append(key)
      guard nestings.contains(key), case .dictionary(let nested) = value else { continue }
      let inner = entries(of: nested, in: machine)
      if !inner.isEmpty { return inner }
    }
    let names = keys.prefix(5).map(printable).joined(separator: ", ")
    throw .noTensors(file: file, found: "a dictionary with \(keys.isEmpty ? "no names" : names)")
  }

  private static func entries(of dictionary: Int, in machine: PickleMachine) -> [Entry] {
    var entries: [Entry] = []
    for case (.string(let name), .tensor(let view)) in machine.dictionaries[dictionary] {
      entries.append(Entry(name: name, type: view.storage.type, view: view))
    }
    return entries
  }

  /// Names occur once, storages are in the file as large as they must be and do not overlap, and tensors that
  /// share storages are not many times as large as the file.
  private func check(fileByteCount: Int) throws(PyTorchFileError) {
    var names = Set<String>()
    var elements = 0
    var known = Set<String>()
    var storedBytes = 0
    for entry in entries {
      func fail(_ problem: String) -> PyTorchFileError {
        .malformedTensor(file: path, tensor: entry.name, problem: problem)
      }
      guard names.insert(entry.name).inserted else { throw fail("the name is given twice") }
      let storage = entry.view.storage
      guard let byteCount = storages.byteCount(storage.key) else {
        throw fail("its storage \(printable(storage.key)) is not in the file")
      }
      guard storage.count <= byteCount,
        storage.count * storage.type.byteCount == byteCount
      else {
        throw fail(
          "its storage should have \(storage.count) elements of \(storage.type.byteCount) bytes, the "
            + "file has \(byteCount) bytes")
      }
      if known.insert(storage.key).inserted { storedBytes += byteCount }
      guard storedBytes <= fileByteCount else { throw fail("its storage overlaps others") }
      elements += entry.view.count
      guard elements <= fileByteCount else {
        throw fail("with it the tensors are far larger than the file")
      }
    }
  }
}
