/// Python's pickle machine, as far as tensors need it.
///
/// Opcodes are those of CPython's `Lib/pickletools.py`. Names outside a short list (`PickleCallable`) are
/// refused where they are mentioned, before anything could be done with them, and no opcode does more
/// than make values of `PickleValue`. Time and memory grow with the pickle's bytes and no faster.

/// Runs one pickle to its end.
struct PickleMachine {
  private var bytes: PickleBytes
  private let file: String
  private var stack: [PickleValue] = []
  /// Heights of the stack at the marks.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private(set) var tuples: [[PickleValue]] = [[]]
  private(set) var lists: [[PickleValue]] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  /// What the pickle says of each storage where it mentions it first, by key.
  private(set) var storages: [String: StorageReference] = [:]
  /// The lists that dictionaries were made from.
  private var spentLists: Set<Int> = []

  /// - Parameters:
  ///   - place: where the pickle begins in `code`.
  ///   - file: what errors call the file.
  init(_ code: [UInt8], from place: Int = 0, file: String) {
    bytes = PickleBytes(code, from: place, file: file)
    self.file = file
  }

  /// The byte after what has run.
  var place: Int { bytes.place }

  /// The pickled object.
  mutating func run() throws(PyTorchFileError) -> PickleValue {
    while true {
      let begin = bytes.place
      let opcode = try bytes.byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      guard try step(opcode) else {
        throw .forbidden(
          file: file, what: Self.name(of: opcode) + " at byte \(begin) of its pickle")
      }
    }
  }

  /// - Returns: false if the opcode is none of those that tensors need.
  private mutating func step(_ opcode: UInt8) throws(PyTorchFileError) -> Bool {
    switch opcode {
    case 0x80:  // PROTO
      let version = try bytes.byte()
      guard (2...5).contains(version) else { throw malformed("protocol \(version) is unknown") }
    case 0x95: _ = try bytes.take(8)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "K"), UInt8(ascii: "M"), UInt8(ascii: "J"), 0x8A, 0x8B:
      stack.append(.int(try bytes.integer(opcode)))
    case UInt8(ascii: "G"):  // BINFLOAT, big-endian
      let bits = try bytes.take(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      stack.append(.float(Double(bitPattern: bits)))
    // Python 2 pickles its strings as bytes, with the first two.
    case UInt8(ascii: "U"): stack.append(.string(try bytes.string(lengthBytes: 1)))
    case UInt8(ascii: "T"): stack.append(.string(try bytes.string(lengthBytes: 4)))
    case UInt8(ascii: "X"): stack.append(.string(try bytes.string(lengthBytes: 4)))
    case 0x8C: stack.append(.string(try bytes.string(lengthBytes: 1)))
    case 0x8D: stack.append(.string(try bytes.string(lengthBytes: 8)))
    case UInt8(ascii: ")"): stack.append(.tuple(0))
    case 0x85, 0x86, 0x87: pushTuple(try pop(Int(opcode) - 0x84))
    case UInt8(ascii: "t"): pushTuple(try popToMark())
    case UInt8(ascii: "]"):
      stack.append(.list(lists.count))
      lists.append([])
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"): try append(try popToMark())
    case UInt8(ascii: "}"): pushDictionary()
    case UInt8(ascii: "s"): try setItems(try pop(2))
    case UInt8(ascii: "u"): try setItems(try popToMark())
    case UInt8(ascii: "q"): memo[Int(try bytes.byte())] = try top()
    case UInt8(ascii: "r"): memo[try bytes.number(bytes: 4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(Int(try bytes.byte()))
    case UInt8(ascii: "j"): try recall(try bytes.number(bytes: 4))
    case UInt8(ascii: "c"): try pushCallable(module: try bytes.line(), name: try bytes.line())
    case 0x93:  // STACK_GLOBAL
      let names = try pop(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw malformed("a name is not a string")
      }
      try pushCallable(module: module, name: name)
    case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default: return false
    }
    return true
  }

  // MARK: Calls

  private mutating func pushCallable(module: String, name: String) throws(PyTorchFileError) {
    guard let callable = PickleCallable(module: module, name: name) else {
      throw .forbidden(file: file, what: "Python's \(printable("\(module).\(name)"))")
    }
    stack.append(.callable(callable))
  }

  private mutating func reduce() throws(PyTorchFileError) {
    let operands = try pop(2)
    guard case .callable(let callable) = operands[0], case .tuple(let index) = operands[1] else {
      throw .forbidden(file: file, what: "a call of \(operands[0].kind)")
    }
    let arguments = tuples[index]
    switch callable {
    case .orderedDictionary where arguments.isEmpty: pushDictionary()
    case .orderedDictionary where arguments.count == 1: try pushDictionary(of: arguments[0])
    case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
    case .rebuildParameter:
      guard case .tensor? = arguments.first else { throw malformed("a parameter has no tensor") }
      stack.append(arguments[0])
    case .orderedDictionary, .storageType:
      throw .forbidden(file: file, what: "a call that does not make a tensor")
    }
  }

  /// `OrderedDict([[key, value], …])`, as Python 2 pickles it.
  private mutating func pushDictionary(of list: PickleValue) throws(PyTorchFileError) {
    guard case .list(let index) = list else {
      throw .forbidden(file: file, what: "a call that does not make a tensor")
    }
    // Or a list that is remembered could be copied again and again.
    guard spentLists.insert(index).inserted else {
      throw malformed("two dictionaries are made from one list")
    }
    pushDictionary()
    for element in lists[index] {
      let pair: [PickleValue]? =
        switch element {
        case .list(let index): lists[index]
        case .tuple(let index): tuples[index]
        default: nil
        }
      guard let pair, pair.count == 2 else { throw malformed("a dictionary's entry is no pair") }
      dictionaries[dictionaries.count - 1].append((pair[0], pair[1]))
    }
  }

  /// Sets an object's attributes, which are dropped: an OrderedDict's are PyTorch's version numbers, a
  /// parameter's `(requires_grad, volatile, hooks)`, before PyTorch 0.4.
  private mutating func build() throws(PyTorchFileError) {
    let state = try pop()
    switch (try top(), state) {
    case (.dictionary, .dictionary): return
    case (.tensor, .tuple(let index)) where tuples[index].count == 3: return
    default: throw .forbidden(file: file, what: "a Python object's state (opcode BUILD)")
    }
  }

  /// `("storage", torch.FloatStorage, key, device, elements[, view])`, the last before PyTorch 1.6.
  private mutating func storage(
    _ identifier: PickleValue
  ) throws(PyTorchFileError) -> StorageWindow {
    guard case .tuple(let index) = identifier, (5...6).contains(tuples[index].count),
      case .string("storage") = tuples[index][0],
      case .callable(.storageType(let type)) = tuples[index][1],
      case .string(let key) = tuples[index][2], case .int(let count) = tuples[index][4],
      count >= 0
    else { throw .forbidden(file: file, what: "an object from outside it that is not a storage") }
    let storage = StorageReference(key: key, type: type, count: count)
    if storages[key] == nil { storages[key] = storage }
    guard tuples[index].count == 6 else { return StorageWindow(storage) }
    return try window(on: storage, tuples[index][5])
  }

  /// None, or `(key, offset, elements)` of a storage that is a part of another.
  private func window(
    on storage: StorageReference, _ view: PickleValue
  ) throws(PyTorchFileError) -> StorageWindow {
    if case .none = view { return StorageWindow(storage) }
    guard case .tuple(let index) = view, tuples[index].count == 3,
      case .int(let offset) = tuples[index][1], case .int(let count) = tuples[index][2],
      let window = StorageWindow(storage, offset: offset, count: count)
    else { throw malformed("a part of a storage does not lie in it") }
    return window
  }

  /// `(storage, offset, sizes, strides[, requires_grad, hooks[, metadata]])`; four before PyTorch 0.4.
  private func tensor(_ arguments: [PickleValue]) throws(PyTorchFileError) -> TensorView {
    guard [4, 6, 7].contains(arguments.count), case .storage(let storage) = arguments[0],
      case .int(let offset) = arguments[1], let shape = integers(arguments[2]),
      let strides = integers(arguments[3]),
      let view = TensorView(storage, offset: offset, shape: shape, strides: strides)
    else { throw malformed("a tensor does not lie in its storage") }
    return view
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value, tuples[index].count <= TensorView.maximumRank else {
      return nil
    }
    var integers: [Int] = []
    for element in tuples[index] {
      guard case .int(let integer) = element else { return nil }
      integers.append(integer)
    }
    return integers
  }

  // MARK: Containers

  private mutating func pushTuple(_ elements: [PickleValue]) {
    stack.append(.tuple(tuples.count))
    tuples.append(elements)
  }

  private mutating func pushDictionary() {
    stack.append(.dictionary(dictionaries.count))
    dictionaries.append([])
  }

  private mutating func append(_ elements: [PickleValue]) throws(PyTorchFileError) {
    guard case .list(let index) = try top() else { throw malformed("it appends to no list") }
    lists[index] += elements
  }

  private mutating func setItems(_ elements: [PickleValue]) throws(PyTorchFileError) {
    guard case .dictionary(let index) = try top(), elements.count.isMultiple(of: 2) else {
      throw malformed("it adds to no dictionary")
    }
    for pair in stride(from: 0, to: elements.count, by: 2) {
      dictionaries[index].append((elements[pair], elements[pair + 1]))
    }
  }

  private mutating func recall(_ index: Int) throws(PyTorchFileError) {
    guard let value = memo[index] else { throw malformed("it has not remembered value \(index)") }
    stack.append(value)
  }

  // MARK: Stack

  /// Values below the last mark are out of reach until it is gone.
  private var height: Int { stack.count - (marks.last ?? 0) }

  private func top() throws(PyTorchFileError) -> PickleValue {
    guard height > 0 else { throw malformed("its stack is empty") }
    return stack[stack.count - 1]
  }

  private mutating func pop() throws(PyTorchFileError) -> PickleValue {
    guard height > 0 else { throw malformed("its stack is empty") }
    return stack.removeLast()
  }

  private mutating func pop(_ count: Int) throws(PyTorchFileError) -> [PickleValue] {
    guard height >= count else { throw malformed("its stack is empty") }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values
  }

  private mutating func popToMark() throws(PyTorchFileError) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw malformed("a mark is missing") }
    let values = Array(stack[mark...])
    stack.removeLast(stack.count - mark)
    return values
  }

  private func malformed(_ problem: String) -> PyTorchFileError { bytes.malformed(problem) }

  private static func name(of opcode: UInt8) -> String {
    let name =
      switch opcode {
      case UInt8(ascii: "i"): "INST"
      case UInt8(ascii: "o"): "OBJ"
      case 0x81: "NEWOBJ"
      case 0x92: "NEWOBJ_EX"
      case 0x82, 0x83, 0x84: "EXT"
      case UInt8(ascii: "B"), UInt8(ascii: "C"), 0x8E, 0x96: "BYTES"
      default: "number \(opcode)"
      }
    return "opcode \(name)"
  }
}
