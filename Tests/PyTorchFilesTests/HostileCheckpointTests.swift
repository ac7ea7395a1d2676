/// Checkpoints that want more than to be read are refused, and damaged ones too: one error each.

import Foundation
import PyTorchFiles
import TestSupport
import Testing

@Suite struct HostileCheckpointTests {
  private func message(_ body: () throws -> Void) -> String {
    let error = #expect(throws: PyTorchFileError.self) { try body() }
    return error.map { "\($0)" } ?? ""
  }

  private func message(pickle: [UInt8]) throws -> String {
    let folder = try TemporaryDirectory()
    return message {
      _ = try CheckpointFixture.tensors(ArchiveBuilder.checkpoint(pickle: pickle), in: folder)
    }
  }

  @Test(
    "what torch.save wrote of other things is refused, with what it is and what to do",
    arguments: [
      ("hostile-system", "`posix.system`"), ("hostile-eval", "`__builtin__.eval`"),
      ("hostile-nested", "`__builtin__.getattr`"), ("hostile-module", "`__main__.Network`"),
      ("hostile-namespace", "`argparse.Namespace`"), ("hostile-tensor", "a single tensor"),
      ("hostile-names", "`model_ema`, `epoch`"), ("compressed", "compressed"),
    ])
  func refused(name: String, what: String) {
    let message = message { _ = try PyTorchFile(contentsOf: CheckpointFixture.path(name)) }
    #expect(message.hasPrefix(CheckpointFixture.path(name)))
    #expect(message.contains(what), "\(message)")
    #expect(message.contains("torch.save(model.state_dict()"), "\(message)")
    #expect(!FileManager.default.fileExists(atPath: "/tmp/resnet-dist-was-here"))
  }

  @Test("calls, objects and names of Python are refused, however they are written")
  func calls() throws {
    let system = Pickle.global("os", "system")
    let dictionary = Pickle.call(Pickle.global("collections", "OrderedDict"), [])
    let refused: [(what: String, code: [UInt8])] = [
      ("`os.system`", Pickle.call(system, [Pickle.text("true")])),
      ("`os.system`", Pickle.text("os") + Pickle.text("system") + [0x93]),
      (
        "`torch._utils._rebuild_sparse_tensor`",
        Pickle.global("torch._utils", "_rebuild_sparse_tensor")
      ),
      ("`torch.load`", Pickle.global("torch", "load")),
      ("`collections.OrderedDict.fromkeys`", Pickle.global("collections", "OrderedDict.fromkeys")),
      ("a call that", Pickle.call(Pickle.global("torch", "FloatStorage"), [Pickle.number(1)])),
      ("a call that", Pickle.call(Pickle.global("collections", "OrderedDict"), [Pickle.none])),
      ("a call of a string", Pickle.call(Pickle.text("os.system"), [])),
      ("a call of a dictionary", Pickle.call(dictionary, [])),
      ("BUILD", Pickle.text("x") + dictionary + Array("b".utf8)),
      ("BUILD", dictionary + Pickle.text("x") + Array("b".utf8)),
      ("INST", Pickle.mark + Array("ios\nsystem\n".utf8)),
      ("OBJ", Pickle.mark + Pickle.global("torch", "FloatStorage") + Array("o".utf8)),
      ("NEWOBJ", Pickle.none + Pickle.none + [0x81]), ("EXT", [0x82, 1]),
      ("BYTES", [UInt8(ascii: "C"), 1, 0]), ("opcode number 255", [0xFF]),
      ("not a storage", Pickle.text("module") + Array("Q".utf8)),
    ]
    for (what, code) in refused {
      let message = try message(pickle: Pickle.begin + code + Pickle.end)
      #expect(message.contains(what), "\(what): \(message)")
    }
  }

  @Test("pickles that use what they have not made are damaged")
  func malformed() throws {
    let damaged: [(what: String, code: [UInt8])] = [
      ("stack is empty", []), ("stack is empty", [0x85]), ("stack is empty", Array("s".utf8)),
      ("stack is empty", Pickle.none + Pickle.mark + Array("0".utf8)),
      ("mark is missing", Array("t".utf8)), ("remembered value 7", [UInt8(ascii: "h"), 7]),
      ("remembered value 4294967295", [UInt8(ascii: "j"), 255, 255, 255, 255]),
      ("appends to no list", Pickle.none + Pickle.none + Array("a".utf8)),
      ("adds to no dictionary", Array("}".utf8) + Pickle.mark + Pickle.none + Array("u".utf8)),
      ("ends too early", [UInt8(ascii: "X"), 255, 255, 255, 255]),
      ("beyond all files", [0x8D] + Array(repeating: 255, count: 8)),
      ("more than 64 bits", [0x8A, 9] + Array(repeating: 1, count: 9)),
      ("not UTF-8", [0x8C, 1, 0xFF]), ("no end", Array("cos".utf8)),
      ("protocol 9", [0x80, 9]),
    ]
    for (what, code) in damaged {
      let message = try message(pickle: Pickle.begin + code + Pickle.end)
      #expect(message.contains(what), "\(what): \(message)")
    }
  }

  @Test("tensors that leave their storage, or are more than it has, are refused")
  func windows() throws {
    let folder = try TemporaryDirectory()
    for (what, weight) in [
      ("lie in its storage", Pickle.tensor(shape: [9], strides: [1])),
      ("lie in its storage", Pickle.tensor(offset: 1, shape: [8], strides: [1])),
      ("lie in its storage", Pickle.tensor(offset: -1, shape: [2], strides: [1])),
      ("lie in its storage", Pickle.tensor(shape: [2], strides: [8])),
      ("lie in its storage", Pickle.tensor(shape: [-1], strides: [1])),
      ("lie in its storage", Pickle.tensor(shape: [2], strides: [-1])),
      ("lie in its storage", Pickle.tensor(shape: [2, 2], strides: [1])),
      ("lie in its storage", Pickle.tensor(shape: [1 << 40], strides: [0])),
      ("lie in its storage", Pickle.tensor(shape: [1 << 40, 1 << 40], strides: [0, 0])),
      ("lie in its storage", Pickle.tensor(shape: [3], strides: [.max])),
      (
        "lie in its storage",
        Pickle.tensor(
          shape: Array(repeating: 1, count: 9), strides: Array(repeating: 1, count: 9))
      ),
      ("is not in the file", Pickle.tensor(key: "1", shape: [8], strides: [1])),
      ("is not in the file", Pickle.tensor(key: "../data.pkl", shape: [8], strides: [1])),
      ("should have 9 elements", Pickle.tensor(elements: 9, shape: [9], strides: [1])),
      (
        "of 8 bytes", Pickle.tensor(shape: [8], strides: [1], type: "DoubleStorage")
      ),
      ("elements", Pickle.tensor(elements: .max, shape: [8], strides: [1])),
    ] {
      let message = message {
        _ = try CheckpointFixture.tensors(Pickle.checkpoint(weight: weight), in: folder)
      }
      #expect(message.contains(what), "\(what): \(message)")
    }
  }

  @Test("tensors that share a storage are not read larger than the file many times over")
  func shared() throws {
    let tensor = Pickle.tensor(shape: [8], strides: [1])
    // The tensor is remembered and given a thousand names for six bytes each.
    let names: [UInt8] = (0..<1000).flatMap { Pickle.text("\($0)") + [UInt8(ascii: "h"), 0] }
    let remembered: [UInt8] = tensor + [UInt8(ascii: "q"), 0]
    let items: [UInt8] = Pickle.mark + Pickle.text("w") + remembered + names + Array("u".utf8)
    let pickle = Pickle.begin + Array("}".utf8) + items + Pickle.end
    #expect(throws: Never.self) {
      _ = try CheckpointFixture.tensors(
        ArchiveBuilder.checkpoint(pickle: pickle), in: TemporaryDirectory())
    }
    var large = ArchiveBuilder()
    large.add("archive/data.pkl", pickle.replacing(Pickle.number(8), with: Pickle.number(100_000)))
    large.add("archive/data/0", Array(repeating: 0, count: 400_000))
    let folder = try TemporaryDirectory()
    let message = message { _ = try CheckpointFixture.tensors(large.archive(), in: folder) }
    #expect(message.contains("far larger than the file"), "\(message)")
  }

  @Test(
    "storages that are one place of the file are refused, so that no byte is read for each of its names"
  )
  func overlapping() throws {
    func checkpoint(sharing: Bool) -> [UInt8] {
      let items = (0..<10).flatMap { index in
        Pickle.text("w\(index)")
          + Pickle.tensor(key: "\(index)", elements: 1000, shape: [0], strides: [1])
      }
      let pickle: [UInt8] =
        Pickle.begin + Array("}".utf8) + Pickle.mark + items + Array("u".utf8) + Pickle.end
      var builder = ArchiveBuilder()
      builder.add("archive/data.pkl", pickle)
      let bytes = [UInt8](repeating: 7, count: 4000)
      let place = builder.add("archive/data/0", bytes)
      for index in 1..<10 {
        builder.add("archive/data/\(index)", bytes, at: sharing ? place : nil)
      }
      return builder.archive()
    }
    let folder = try TemporaryDirectory()
    #expect(try CheckpointFixture.tensors(checkpoint(sharing: false), in: folder).count == 10)
    let message = message {
      _ = try CheckpointFixture.tensors(checkpoint(sharing: true), in: folder)
    }
    #expect(message.contains("overlaps others"), "\(message)")
  }

  @Test("values nested a million deep, and a list that holds itself, cost no stack")
  func nesting() throws {
    let deep =
      Pickle.begin + Array(repeating: UInt8(ascii: "]"), count: 1_000_000)
      + Array(repeating: UInt8(ascii: "a"), count: 999_999) + Pickle.end
    #expect(try message(pickle: deep).contains("but a list"))
    let tuples = Pickle.begin + Pickle.none + Array(repeating: 0x85, count: 1_000_000) + Pickle.end
    #expect(try message(pickle: tuples).contains("but a tuple"))
    let circle =
      Pickle.begin + [UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "h"), 0]
      + Array("a".utf8) + Pickle.end
    #expect(try message(pickle: circle).contains("but a list"))
    let huge = Array(repeating: UInt8(ascii: "N"), count: 9 << 20)
    #expect(try message(pickle: huge).contains("beyond 8388608"))
  }

  @Test("a checkpoint cut at any byte, or with any byte changed, is read or refused, no more")
  func damaged() throws {
    let folder = try TemporaryDirectory()
    let whole = try CheckpointFixture.bytes("state")
    for count in 0..<whole.count {
      #expect(throws: PyTorchFileError.self, "cut at \(count)") {
        _ = try CheckpointFixture.tensors(Array(whole.prefix(count)), in: folder)
      }
    }
    var data = TestData(seed: 1)
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= UInt8(data.integer(in: 1...255))
      do { _ = try CheckpointFixture.tensors(bytes, in: folder) } catch is PyTorchFileError {}
    }
  }

  @Test("a changed byte of a tensor is found by its checksum")
  func checksum() throws {
    let folder = try TemporaryDirectory()
    var bytes = Pickle.checkpoint(weight: Pickle.tensor(shape: [8], strides: [1]))
    let one = little(UInt64(Float(7).bitPattern), 4)
    let place = try #require(bytes.firstRange(of: one)).lowerBound
    bytes[place] ^= 1
    let message = message { _ = try CheckpointFixture.tensors(bytes, in: folder) }
    #expect(message.contains("checksum of `archive/data/0`"), "\(message)")
  }

  @Test("what is no checkpoint is called that")
  func others() throws {
    let folder = try TemporaryDirectory()
    for (bytes, what) in [
      ([], "not a PyTorch checkpoint"), (Array("hello".utf8), "not a PyTorch checkpoint"),
      (ArchiveBuilder().archive(), "not a PyTorch checkpoint"),
      ([0x80, 2, 0x8A, 10], "not a PyTorch checkpoint"),
    ] {
      let message = message { _ = try CheckpointFixture.tensors(bytes, in: folder) }
      #expect(message.contains(what), "\(message)")
    }
    var none = ArchiveBuilder()
    none.add("archive/version", Array("3".utf8))
    var two = ArchiveBuilder()
    two.add("a/data.pkl", [])
    two.add("b/data.pkl", [])
    for (archive, what) in [(none, "0 entries data.pkl"), (two, "2 entries data.pkl")] {
      let message = message {
        _ = try CheckpointFixture.tensors(archive.archive(), in: folder)
      }
      #expect(message.contains(what), "\(message)")
    }
    #expect(message { _ = try PyTorchFile(contentsOf: folder.path) }.contains("regular file"))
    #expect(message { _ = try PyTorchFile(contentsOf: "/nowhere.pth") }.contains("cannot open"))
  }
}
