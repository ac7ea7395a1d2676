/// `parameters_sha256`: one SHA-256 for all numbers of a network, that anyone can recompute.
///
/// For each tensor in the order of the names' UTF-8 bytes: the name in UTF-8, a zero byte, the
/// values as little-endian Float32 in the file's layout (PyTorch's: row-major, convolutions OIHW).
/// The tensors are the parameters and the running statistics of batch normalization; integers such
/// as `num_batches_tracked` are left out. In Python, for a file of float tensors:
///
///     import hashlib, sys
///     from safetensors.numpy import load_file
///
///     digest = hashlib.sha256()
///     for name, values in sorted(load_file(sys.argv[1]).items()):
///         if values.dtype.kind == "f":
///             digest.update(name.encode() + b"\0" + values.astype("<f4").tobytes())
///     print(digest.hexdigest())

import System

/// SHA-256 over named Float32 tensors, given in the order of their names.
public struct ParametersDigest: ~Copyable {
  private var hash = SHA256()
  private var last: String?

  public init() {}

  /// Adds a tensor; the values are row-major in the file's layout.
  ///
  /// - Precondition: the name comes after the one before it in the order of UTF-8 bytes.
  public mutating func update(_ name: String, _ values: Span<Float>) {
    if let last { precondition(precedesInBytes(last, name), "\(quoted(name)) is out of order") }
    last = name
    hash.update(Array(name.utf8) + [0])
    hash.update(values.bytes)
  }

  /// The digest of what was added, in lower-case hexadecimal.
  public consuming func finalize() -> String { hash.hexadecimal() }
}

/// The digest of tensors given in any order, their values row-major in the file's layout.
///
/// - Precondition: no name occurs twice.
public func sha256OfTensors(_ tensors: [(name: String, values: [Float])]) -> String {
  var digest = ParametersDigest()
  for (name, values) in tensors.sorted(by: { precedesInBytes($0.name, $1.name) }) {
    digest.update(name, values.span)
  }
  return digest.finalize()
}

extension SafetensorsFile {
  /// The digest of the file's floating-point tensors (F16, BF16, F32, F64, as Float32).
  ///
  /// Reads one tensor at a time.
  ///
  /// - Parameter isIncluded: which of them to take; all, if not given.
  /// - Throws: `system`.
  public func sha256OfTensors(
    where isIncluded: (TensorEntry) -> Bool = { _ in true }
  ) throws -> String {
    var digest = ParametersDigest()
    let entries = entries.filter { $0.dtype.isReadableAsFloat32 && isIncluded($0) }
    for entry in entries.sorted(by: { precedesInBytes($0.name, $1.name) }) {
      let values = try float32(entry.name)
      digest.update(entry.name, values.span)
    }
    return digest.finalize()
  }
}
