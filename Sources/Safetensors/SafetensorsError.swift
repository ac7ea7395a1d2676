/// What can be wrong with a safetensors file, each with the sentence the person will read.

/// A file that cannot be read or written as safetensors, or does not hold what was requested.
public enum SafetensorsError: Error, Hashable, Sendable {
  /// A system call failed; `reason` is the text of its errno.
  case system(file: String, operation: String, reason: String)
  /// Fewer than the 8 bytes of the header's length.
  case tooShort(file: String, byteCount: Int)
  /// The header's length is beyond the format's limit of 100,000,000 bytes.
  case headerTooLong(file: String, length: UInt64)
  /// The file ends inside its header.
  case headerTruncated(file: String, length: Int, fileByteCount: Int)
  case headerNotUTF8(file: String)
  /// The header does not begin with `{`.
  case headerStart(file: String, found: UInt8?)
  /// Not the JSON of a header; `offset` counts from the header's first byte.
  case malformedHeader(file: String, offset: Int, problem: String)
  /// A tensor's name, or a key of one object, occurs twice.
  case duplicateKey(file: String, key: String)
  /// `__metadata__` is not an object of strings.
  case malformedMetadata(file: String, problem: String)
  case missingField(file: String, tensor: String, field: String)
  case malformedField(file: String, tensor: String, field: String, problem: String)
  case unknownDType(file: String, tensor: String, found: String)
  /// Shape × element size overflows or is not a whole number of bytes.
  case impossibleSize(file: String, tensor: String, dtype: DType, shape: [Int])
  /// Shape × element size is not the length of the data range.
  case sizeMismatch(file: String, entry: TensorEntry, expected: Int)
  /// The tensor does not begin where the one before it ended: a hole or an overlap.
  case notContiguous(file: String, tensor: String, expected: Int, found: Int, end: Int)
  case truncated(file: String, promised: Int, found: Int)
  case trailingBytes(file: String, promised: Int, found: Int)

  case missingTensor(file: String, tensor: String, count: Int)
  case wrongDType(file: String, tensor: String, expected: String, found: DType)
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])

  /// A name that cannot be written: it occurs twice or is `__metadata__`.
  case unwritableName(file: String, tensor: String, problem: String)
  /// A tensor's source gave another number of bytes than its shape asks for.
  case wrongByteCount(file: String, tensor: String, expected: Int, found: Int)
}

extension SafetensorsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let file, let operation, let reason):
      return "\(file): cannot \(operation): \(reason)"
    case .tooShort(let file, let byteCount):
      return "\(file): not a safetensors file: \(byteCount) bytes, where the header's length alone "
        + "takes 8. Copy it again or use another checkpoint"
    case .headerTooLong(let file, let length):
      return "\(file): not a safetensors file: its first 8 bytes promise a header of \(length) "
        + "bytes, the format allows 100000000. Check that this is the file you meant"
    case .headerTruncated(let file, let length, let fileByteCount):
      return
        "\(file): truncated or not a safetensors file: a header of \(length) bytes is promised, "
        + "the file has \(fileByteCount) bytes in all. Copy it again or use an older checkpoint"
    case .headerNotUTF8(let file):
      return
        "\(file): damaged header: it is not UTF-8 text. Copy it again or use an older checkpoint"
    case .headerStart(let file, let found):
      let what = found.map { "byte \($0)" } ?? "nothing"
      return "\(file): not a safetensors file: the header begins with \(what), expected `{`. "
        + "Check that this is the file you meant"
    case .malformedHeader(let file, let offset, let problem):
      return "\(file): damaged header at byte \(offset): \(problem). "
        + "Copy it again or use an older checkpoint"
    case .duplicateKey(let file, let key):
      return "\(file): the header names \(quoted(key)) twice, so its content is ambiguous. "
        + "Write the file again with one entry for each name"
    case .malformedMetadata(let file, let problem):
      return "\(file): `__metadata__` must map strings to strings: \(problem). "
        + "Write the file again with text values"
    case .missingField(let file, let tensor, let field):
      return "\(file): tensor \(quoted(tensor)) has no `\(field)`. Write the file again"
    case .malformedField(let file, let tensor, let field, let problem):
      return "\(file): tensor \(quoted(tensor)), `\(field)`: \(problem). Write the file again"
    case .unknownDType(let file, let tensor, let found):
      return "\(file): tensor \(quoted(tensor)) has the unknown element type \(quoted(found)). "
        + "Convert it to F32 and write the file again"
    case .impossibleSize(let file, let tensor, let dtype, let shape):
      return "\(file): tensor \(quoted(tensor)) of \(dtype.rawValue) \(shape) has no possible size "
        + "in bytes. The header is damaged: copy it again or use an older checkpoint"
    case .sizeMismatch(let file, let entry, let expected):
      return
        "\(file): tensor \(quoted(entry.name)) of \(entry.dtype.rawValue) \(entry.shape) needs "
        + "\(expected) bytes, its range \(entry.byteRange.lowerBound)..<\(entry.byteRange.upperBound) "
        + "has \(entry.byteRange.count). The header is damaged: copy it again or use an older checkpoint"
    case .notContiguous(let file, let tensor, let expected, let found, let end):
      let what =
        if end < found { "ends before it begins" } else if found < expected {
          "overlaps the one before it"
        } else { "leaves a hole before it" }
      return
        "\(file): tensor \(quoted(tensor)) \(what): its range is \(found)..<\(end), expected to "
        + "begin at \(expected). The header is damaged: copy it again or use an older checkpoint"
    case .truncated(let file, let promised, let found):
      return "\(file): truncated: the header promises \(promised) bytes, the file has \(found): "
        + "copy it again or use an older checkpoint"
    case .trailingBytes(let file, let promised, let found):
      return "\(file): the file has \(found) bytes, the header accounts for \(promised): something "
        + "was appended, or two files were mixed. Copy it again or use an older checkpoint"
    case .missingTensor(let file, let tensor, let count):
      return "\(file): no tensor \(quoted(tensor)) among its \(count). "
        + "Check that the file is of the requested network"
    case .wrongDType(let file, let tensor, let expected, let found):
      return "\(file): tensor \(quoted(tensor)) is \(found.rawValue), expected \(expected). "
        + "Convert it and write the file again"
    case .wrongShape(let file, let tensor, let expected, let found):
      return "\(file): tensor \(quoted(tensor)) has shape \(found), expected \(expected). "
        + "Check that the file is of the requested network"
    case .unwritableName(let file, let tensor, let problem):
      return "\(file): cannot write tensor \(quoted(tensor)): \(problem)"
    case .wrongByteCount(let file, let tensor, let expected, let found):
      return "\(file): tensor \(quoted(tensor)) was to have \(expected) bytes, "
        + "its source gave \(found)"
    }
  }
}

/// A name from a file, safe to print: in backquotes, control characters escaped, cut at 120
/// characters.
func quoted(_ name: String) -> String {
  var text = ""
  var length = 0
  for scalar in name.unicodeScalars {
    if length == 120 {
      text += "…"
      break
    }
    text += isPrintable(scalar) ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
    length += 1
  }
  return "`\(text)`"
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: false
  default: true
  }
}
