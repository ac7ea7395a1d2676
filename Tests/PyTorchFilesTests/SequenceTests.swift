/// Checkpoints from before PyTorch 1.6 are read as the newer ones, and refused as clearly.

import Foundation
import PyTorchFiles
import TestSupport
import Testing

@Suite struct SequenceTests {
  private func message(
    _ bytes: [UInt8], in folder: TemporaryDirectory
  ) -> String {
    let error = #expect(throws: PyTorchFileError.self) {
      _ = try CheckpointFixture.tensors(bytes, in: folder)
    }
    return error.map { "\($0)" } ?? ""
  }

  private func message(_ change: Change) throws -> String {
    var builder = SequenceBuilder()
    change(&builder)
    return message(builder.bytes, in: try TemporaryDirectory())
  }

  @Test(
    "both formats of the same tensors load equal",
    arguments: [
      ("legacy-state", "state"), ("legacy-nested-state_dict", "nested-state_dict"),
      ("legacy-parameters", "parameters"), ("legacy-types", "types"), ("legacy-views", "views"),
      ("legacy-protocol4", "state"), ("legacy-python2", "legacy-python2-loaded"),
    ])
  func bothFormats(old: String, new: String) throws {
    let paths = [old, new].map(CheckpointFixture.path)
    let entries = try paths.map { path in
      try PyTorchFile(contentsOf: path).entries.map { "\($0.name) \($0.type) \($0.shape)" }
    }
    #expect(!entries[0].isEmpty && entries[0] == entries[1])
    let tensors = try paths.map(CheckpointFixture.tensors)
    #expect(Set(tensors[0].keys) == Set(tensors[1].keys))
    for (name, tensor) in tensors[0] {
      #expect(tensor.values == tensors[1][name]?.values, "\(name)")
      #expect(tensor.shape == tensors[1][name]?.shape, "\(name)")
    }
  }

  @Test("the format is recognized by its first bytes, whatever the file's name")
  func recognized() throws {
    let folder = try TemporaryDirectory()
    for name in ["legacy-state", "legacy-protocol4", "state"] {
      let path = folder.file(name)
      try FileManager.default.copyItem(atPath: CheckpointFixture.path(name), toPath: path)
      #expect(PyTorchFile.isLikely(path), "\(name)")
    }
    let path = folder.file("other")
    for bytes: [UInt8] in [[], [0x80], [0x80, 2, 0x8A, 10], Array(repeating: 0x80, count: 99)] {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect(!PyTorchFile.isLikely(path))
    }
  }

  @Test("a storage that is a part of another begins at its offset")
  func parts() throws {
    let tensors = try CheckpointFixture.tensors(CheckpointFixture.path("legacy-python2"))
    #expect(tensors["part"]?.shape == [2, 3])
    #expect(tensors["part"]?.values == [7, 9, 11, 13, 15, 17])
    let folder = try TemporaryDirectory()
    var builder = SequenceBuilder()
    builder.set(weight: Pickle.tensor(offset: 1, shape: [3], strides: [1], part: (4, 4)))
    #expect(
      try CheckpointFixture.tensors(builder.bytes, in: folder)["weight"]?.values == [5, 6, 7])
    for (offset, shape, part) in [
      (1, [4], (4, 4)), (0, [5], (0, 4)), (0, [1], (8, 0)), (.max, [0], (4, 4)), (0, [1], (9, 0)),
      (0, [1], (4, 5)), (0, [1], (-1, 2)), (0, [1], (1, -1)), (0, [1], (1, .max)),
      (0, [1], (.max, 1)),
    ] as [(Int, [Int], (Int, Int))] {
      builder.set(weight: Pickle.tensor(offset: offset, shape: shape, strides: [1], part: part))
      let message = message(builder.bytes, in: folder)
      #expect(message.contains("does not lie in"), "\(offset) \(shape) \(part): \(message)")
    }
  }

  @Test("a file cut inside any part is refused")
  func cut() throws {
    let folder = try TemporaryDirectory()
    let parts = SequenceBuilder().parts
    let what = [
      "not a PyTorch checkpoint", "damaged pickle", "damaged pickle", "damaged pickle",
      "damaged pickle", "ends before storage `0`", "storage `0` of 8 elements ends after",
    ]
    #expect(try CheckpointFixture.tensors(Array(parts.joined()), in: folder).count == 1)
    for (index, what) in what.enumerated() {
      let begin = Array(parts[..<index].joined())
      for count in 0..<parts[index].count {
        let message = message(begin + parts[index].prefix(count), in: folder)
        #expect(message.contains(what), "part \(index) cut at \(count): \(message)")
        #expect(message.hasPrefix(folder.path))
      }
    }
  }

  private typealias Change = @Sendable (inout SequenceBuilder) -> Void

  @Test("parts that contradict each other or the format are refused, with what is wrong")
  func contradictions() throws {
    let wrongParts: [(String, Change)] = [
      ("not a PyTorch checkpoint", { $0.magic[4] ^= 1 }),
      ("not a PyTorch checkpoint", { $0.magic[1] = 9 }),
      ("not of version 1001", { $0.version = Pickle.whole(Pickle.number(1002)) }),
      ("not of version 1001", { $0.version = Pickle.whole(Pickle.text("1001")) }),
      ("not little-endian", { $0.system = $0.system.replacing([0x88], with: [0x89]) }),
      ("not little-endian", { $0.system = Pickle.whole(Pickle.none) }),
      ("no list of storages", { $0.keys = Pickle.whole(Pickle.text("0")) }),
      ("key is a number", { $0.keys = Pickle.whole(Pickle.list([Pickle.number(0)])) }),
      ("`os.system`", { $0.keys = Pickle.whole(Pickle.global("os", "system")) }),
      ("`os.system`", { $0.object = Pickle.whole(Pickle.global("os", "system")) }),
      ("beyond 8388608 bytes", { $0.object = Array(repeating: 0x4E, count: 9 << 20) }),
      (
        "beyond 8388608 bytes",
        { $0.object = [0x80, 2, 0x8D] + little(9 << 20, 8) + Array(repeating: 0, count: 9 << 20) }
      ),
    ]
    let wrongKeys: [(String, Change)] = [
      ("storage `0` is not in the file", { $0.keys = SequenceBuilder.list([]) }),
      ("storage `1`, which no tensor", { $0.keys = SequenceBuilder.list(["1"]) }),
      ("storage `1`, which no tensor", { $0.keys = SequenceBuilder.list(["0", "1"]) }),
      ("storage `0` twice", { $0.keys = SequenceBuilder.list(["0", "0"]) }),
    ]
    func set(_ count: UInt64, elements: Int = 8, type: String = "FloatStorage") -> Change {
      {
        $0.count = count
        $0.set(weight: Pickle.tensor(elements: elements, shape: [8], strides: [1], type: type))
      }
    }
    let wrongCounts: [(String, Change)] = [
      ("has 7 elements", set(7)), ("has 9 elements", set(9)),
      ("has 18446744073709551615 elements", set(.max)),
      ("has 1152921504606846976 elements", set(1 << 60)),
      ("ends after the file's end", set(UInt64(Int.max), elements: .max)),
      ("ends after the file's end", set(9, elements: 9)),
      ("ends after the file's end", set(8, type: "DoubleStorage")),
      (
        "should have 4 elements",
        {
          let tensors = [8, 4].map { Pickle.tensor(elements: $0, shape: [4], strides: [1]) }
          $0.object = Pickle.whole(Pickle.dictionary([("a", tensors[0]), ("b", tensors[1])]))
        }
      ),
    ]
    for (what, change) in wrongParts + wrongKeys + wrongCounts {
      let message = try message(change)
      #expect(message.contains(what), "\(what): \(message)")
    }
  }

  @Test("Python's calls in a file of torch.save are refused")
  func hostile() {
    let path = CheckpointFixture.path("legacy-hostile")
    let error = #expect(throws: PyTorchFileError.self) { _ = try PyTorchFile(contentsOf: path) }
    #expect(error.map { "\($0)" }?.contains("`posix.system`") == true)
  }

  @Test("dictionaries are made of a list of pairs, once, and parameters keep no state")
  func python2() throws {
    let weight = Pickle.tensor(shape: [8], strides: [1])
    let ordered = Pickle.global("collections", "OrderedDict")
    let pair = Pickle.list([Pickle.text("w"), weight])
    let remembered: [UInt8] = Pickle.list([pair]) + [UInt8(ascii: "q"), 0]
    let again: [UInt8] = [UInt8(ascii: "h"), 0]
    let refused: [(String, [UInt8])] = [
      ("entry is no pair", Pickle.call(ordered, [Pickle.list([Pickle.none])])),
      ("entry is no pair", Pickle.call(ordered, [Pickle.list([Pickle.list([Pickle.none])])])),
      ("does not make a tensor", Pickle.call(ordered, [Pickle.text("w")])),
      ("does not make a tensor", Pickle.call(ordered, [Pickle.list([]), Pickle.list([])])),
      (
        "from one list",
        Pickle.list([Pickle.call(ordered, [remembered]), Pickle.call(ordered, [again])])
      ),
      ("BUILD", weight + Pickle.tuple([Pickle.none, Pickle.none]) + Array("b".utf8)),
    ]
    for (what, code) in refused {
      let message = try message { $0.object = Pickle.whole(code) }
      #expect(message.contains(what), "\(what): \(message)")
    }
    var builder = SequenceBuilder()
    builder.object = Pickle.whole(Pickle.call(ordered, [remembered]))
    let tensors = try CheckpointFixture.tensors(builder.bytes, in: TemporaryDirectory())
    #expect(tensors["w"]?.values == (0..<8).map(Float.init))
  }

  @Test("a file cut at any byte is refused, with any byte changed it is read or refused, no more")
  func damaged() throws {
    let folder = try TemporaryDirectory()
    var data = TestData(seed: 2)
    let whole = try CheckpointFixture.bytes("legacy-python2")
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= UInt8(data.integer(in: 1...255))
      do { _ = try CheckpointFixture.tensors(bytes, in: folder) } catch is PyTorchFileError {}
      #expect(throws: PyTorchFileError.self, "cut at \(index)") {
        _ = try CheckpointFixture.tensors(Array(whole.prefix(index)), in: folder)
      }
    }
  }
}
