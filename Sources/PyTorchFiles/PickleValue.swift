/// What a checkpoint's pickle can hold.

/// A value on the pickle machine's stack.
///
/// Containers are numbers of entries in the machine's tables, so nesting costs no stack when values
/// are freed, and a container that holds itself costs no memory.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case callable(PickleCallable)
  // Apart, so that the other values, of which a pickle can make one with each byte, are small.
  indirect case storage(StorageWindow)
  indirect case tensor(TensorView)

  /// In words, for errors.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .int, .float: "a number"
    case .string: "a string"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .callable: "a Python function or class"
    case .storage: "a storage without a tensor"
    case .tensor: "a single tensor without a name"
    }
  }
}

/// The only Python names that a pickle may mention; nothing of Python is run for them.
enum PickleCallable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case storageType(ElementType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor"):
      self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"), ("torch.nn.parameter", "Parameter"):
      self = .rebuildParameter
    case ("torch", let name):
      guard let type = ElementType(rawValue: name) else { return nil }
      self = .storageType(type)
    default: return nil
    }
  }
}
