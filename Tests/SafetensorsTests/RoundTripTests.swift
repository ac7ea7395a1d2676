/// What is written is read back, through files, descriptors and memory, and failures are named.

import Foundation
import Safetensors
import System
import TestSupport
import Testing

@Suite struct RoundTripTests {
  @Test("random tensors come back bit for bit, whatever their order and names")
  func random() throws {
    var data = TestData(seed: 1)
    let directory = try TemporaryDirectory()
    for round in 0..<50 {
      var expected: [String: (shape: [Int], values: [Float])] = [:]
      for index in 0..<data.integer(in: 0...8) {
        let shape = (0..<data.integer(in: 0...4)).map { _ in data.integer(in: 0...5) }
        let values = data.normal(count: shape.reduce(1, *)).map(Float.init)
        expected["\(data.integer(in: 0...99)).\(index)\u{0}\"é\u{1F600}\\"] = (shape, values)
      }
      let contents = expected.map {
        TensorContent($0.key, shape: $0.value.shape, float32: $0.value.values)
      }
      let path = directory.path + "/\(round).safetensors"
      let metadata = ["format": "pt", "round": "\(round)"]
      let written = try SafetensorsWriter.write(
        contents.shuffled(), metadata: metadata, toPath: path)
      let file = try SafetensorsFile(contentsOf: path)
      #expect(file.metadata == metadata)
      #expect(Set(file.names) == Set(expected.keys), "\(data)")
      for (name, tensor) in expected {
        #expect(try file.float32(name, shape: tensor.shape) == tensor.values, "\(data)")
      }
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
      #expect(bytes.count == written.byteCount)
      #expect(SHA256.hexadecimal(of: bytes) == written.sha256)
      #expect(try SafetensorsWriter.bytes(of: contents, metadata: metadata) == bytes)
      #expect(bytes[8...].firstIndex(of: UInt8(ascii: "{")) == 8)
      #expect(bytes[..<8].first! % 8 == 0)
    }
  }

  @Test("tensors larger than the write buffer are streamed, in one piece or in many")
  func large() throws {
    var data = TestData(seed: 2)
    let directory = try TemporaryDirectory()
    let path = directory.path + "/large"
    let values = data.uniform(count: 1_000_003).map(Float.init)
    let pieces = TensorContent("pieces", dtype: .float32, shape: [1_000_003]) { sink in
      for start in stride(from: 0, to: values.count, by: 4_099) {
        try sink(values[start..<min(start + 4_099, values.count)].span.bytes)
      }
    }
    let whole = TensorContent("whole", shape: [1_000_003], float32: values)
    let written = try SafetensorsWriter.write([pieces, whole], toPath: path)
    #expect(try SHA256.hexadecimal(ofFile: path) == written.sha256)
    let file = try SafetensorsFile(contentsOf: path)
    #expect(try file.float32("pieces") == values)
    #expect(try file.float32("whole") == values)
    #expect(try file.bytes("whole").count == 4_000_012)
  }

  @Test("scalars, empty tensors and an empty file are legal")
  func smallest() throws {
    let bytes = try SafetensorsWriter.bytes(of: [
      TensorContent("bn1.num_batches_tracked", shape: [], int64: [391]),
      TensorContent("empty", shape: [3, 0], float32: []),
    ])
    let file = try SafetensorsFile(bytes: bytes, name: "small")
    #expect(try file.int64("bn1.num_batches_tracked", shape: []) == [391])
    #expect(try file.float32("empty", shape: [3, 0]).isEmpty)
    let nothing = try SafetensorsWriter.bytes(of: [])
    #expect(nothing == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
    #expect(try SafetensorsFile(bytes: nothing, name: "nothing").entries.isEmpty)
  }

  @Test("a full device is an error with the path and the reason")
  func fullDevice() throws {
    let values = [Float](repeating: 1, count: 600_000)
    let error = #expect(throws: SafetensorsError.self) {
      try SafetensorsWriter.write(
        [TensorContent("w", shape: [600_000], float32: values)], toPath: "/dev/full")
    }
    #expect(error?.description == "/dev/full: cannot write: No space left on device")
  }

  @Test("what makes no file is refused before a byte is written")
  func unwritable() throws {
    let one = TensorContent("w", shape: [1], float32: [1])
    let twice = #expect(throws: SafetensorsError.self) {
      try SafetensorsWriter.bytes(of: [one, one])
    }
    #expect(twice?.description.contains("the name is given twice") == true)
    let reserved = #expect(throws: SafetensorsError.self) {
      try SafetensorsWriter.bytes(of: [TensorContent("__metadata__", shape: [1], float32: [1])])
    }
    #expect(reserved?.description.contains("the format keeps this name for itself") == true)
    let short = #expect(throws: SafetensorsError.self) {
      try SafetensorsWriter.bytes(of: [TensorContent("w", shape: [2], float32: [1])])
    }
    #expect(short == .wrongByteCount(file: "memory", tensor: "w", expected: 8, found: 4))
  }

  @Test("a file that shrinks while it is open is an error, not a signal")
  func shrinking() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/model.safetensors"
    try SafetensorsWriter.write(
      [TensorContent("w", shape: [4096], float32: Array(repeating: 1, count: 4096))], toPath: path)
    let file = try SafetensorsFile(contentsOf: path)
    #expect(truncate(path, 5000) == 0)
    let error = #expect(throws: SafetensorsError.self) { try file.float32("w") }
    #expect(error?.description.contains("the file shrank while it was open") == true)
  }

  @Test("mutated bytes never crash the reader and never pass for something larger")
  func fuzz() throws {
    let base = try SafetensorsWriter.bytes(
      of: [
        TensorContent("conv1.weight", shape: [2, 3], float32: [1, 2, 3, 4, 5, 6]),
        TensorContent("bn1.num_batches_tracked", shape: [], int64: [7]),
      ], metadata: ["format": "pt"])
    var data = TestData(seed: 3)
    for _ in 0..<20_000 {
      var bytes = base
      for _ in 0..<data.integer(in: 1...4) {
        bytes[data.integer(in: 0...bytes.count - 1)] = UInt8(data.integer(in: 0...255))
      }
      if data.integer(in: 0...9) == 0 { bytes.removeLast(data.integer(in: 1...bytes.count)) }
      guard let file = try? SafetensorsFile(bytes: bytes, name: "fuzz") else { continue }
      for entry in file.entries {
        #expect(try file.bytes(entry.name).count == entry.byteRange.count)
        #expect(entry.byteRange.upperBound <= bytes.count, "\(data)")
      }
    }
  }
}
