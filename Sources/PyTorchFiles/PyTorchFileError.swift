/// What can be wrong with a PyTorch checkpoint, each with the sentence the person will read.

/// A file that cannot be read as a PyTorch checkpoint of plain tensors.
public enum PyTorchFileError: Error, Hashable, Sendable {
  /// A system call failed; `reason` is the text of its errno.
  case system(file: String, operation: String, reason: String)
  /// Neither of the formats that `torch.save` has written.
  case notACheckpoint(file: String)
  /// The file breaks a rule of its format, or has a feature that `torch.save` does not use.
  case malformed(file: String, problem: String)
  /// An entry's bytes are not those that were written.
  case damagedEntry(file: String, entry: String)
  /// The pickle ends too early or is no pickle.
  case malformedPickle(file: String, offset: Int, problem: String)
  /// The pickle asks for something that only Python could do, and that is not done here.
  case forbidden(file: String, what: String)
  /// No dictionary of tensors where `torch.save` puts one.
  case noTensors(file: String, found: String)
  case malformedTensor(file: String, tensor: String, problem: String)
}

extension PyTorchFileError: CustomStringConvertible {
  private static let convert =
    "load it in PyTorch and save the tensors alone: torch.save(model.state_dict(), \"weights.pth\")"

  public var description: String {
    switch self {
    case .system(let file, let operation, let reason):
      "\(file): cannot \(operation): \(reason)"
    case .notACheckpoint(let file):
      "\(file): not a PyTorch checkpoint: it begins neither as the zip archive that torch.save writes "
        + "nor as what it wrote before version 1.6. Check that this is the file you meant"
    case .malformed(let file, let problem):
      "\(file): cannot be read as a PyTorch checkpoint: \(problem). Copy it again, or \(Self.convert)"
    case .damagedEntry(let file, let entry):
      "\(file): damaged: the checksum of \(printable(entry)) differs. Copy the file again"
    case .malformedPickle(let file, let offset, let problem):
      "\(file): damaged pickle at byte \(offset): \(problem). Copy the file again, or \(Self.convert)"
    case .forbidden(let file, let what):
      "\(file): refused, as it asks for \(what), and only plain tensors are read: if you trust it, "
        + Self.convert
    case .noTensors(let file, let found):
      "\(file): no tensors by name, but \(found): \(Self.convert)"
    case .malformedTensor(let file, let tensor, let problem):
      "\(file): tensor \(printable(tensor)): \(problem). Copy the file again, or \(Self.convert)"
    }
  }
}

/// A name from a file, safe to print: in backquotes, everything but printable ASCII escaped, cut at
/// 80 characters.
func printable(_ name: String) -> String {
  var text = ""
  for (index, scalar) in name.unicodeScalars.enumerated() {
    if index == 80 { return "`\(text)…`" }
    text += (0x20..<0x7F).contains(scalar.value) ? String(scalar) : scalar.escaped(asASCII: true)
  }
  return "`\(text)`"
}
