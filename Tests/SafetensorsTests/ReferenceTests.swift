/// Agreement with the reference implementation: verdicts, values, bytes and the digest.

import Foundation
import Safetensors
import Testing

@Suite struct ReferenceTests {
  @Test("every hand-made file is accepted or refused as by the reference, and read alike")
  func cases() throws {
    let cases = Verdicts.committed.cases
    #expect(cases.count > 80)
    for testCase in cases {
      let file = try? SafetensorsFile(bytes: testCase.bytes, name: testCase.name)
      if testCase.stricter != nil {
        #expect(file == nil, "\(testCase.name) was to be refused")
        continue
      }
      #expect((file != nil) == (testCase.tensors != nil), "\(testCase.name)")
      guard let file, let expected = testCase.tensors else { continue }
      // As a dictionary would merge names that Swift takes for equal, compare lists.
      #expect(file.entries.count == expected.count || testCase.name.hasPrefix("names equal"))
      for entry in file.entries {
        let found = Verdicts.Tensor(
          dtype: entry.dtype.rawValue, shape: entry.shape,
          bytes: try file.bytes(entry.name).map { String(format: "%02x", $0) }.joined())
        if !testCase.name.hasPrefix("names equal") {
          #expect(expected[entry.name] == found, "\(testCase.name): \(entry.name)")
        }
      }
    }
  }

  @Test("mutated files are accepted or refused as by the reference")
  func mutations() throws {
    let verdicts = Verdicts.committed
    let base = Array(Data(base64Encoded: verdicts.base)!)
    #expect(verdicts.mutations.count >= 1000)
    for mutation in verdicts.mutations {
      var bytes = base
      for edit in mutation.edits { edit.apply(to: &bytes) }
      let accepted = (try? SafetensorsFile(bytes: bytes, name: "mutation")) != nil
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(accepted == mutation.accepted, "\(text)")
    }
  }

  @Test("values are the reference's, for every element type")
  func values() throws {
    let file = try SafetensorsFile(contentsOf: fixture("reference.safetensors"))
    #expect(file.metadata == ["format": "pt"])
    #expect(try file.int64("scalar", shape: []) == [391])
    #expect(try file.float32("empty", shape: [0, 4]) == [])
    #expect(try file.float32("awkward/é\n\"\\\u{1}\u{7F}", shape: [1]) == [1.5])
    let special = try file.float32("a")
    #expect(special[0].sign == .minus && special[1].isNaN && special[2] == .infinity)
    #expect(try file.float32("Z") == [.leastNonzeroMagnitude])
    #expect(file.sortedNames.prefix(2) == ["Z", "a"])
    #expect(file.names.first == "uint64.tensor")
    #expect(file.names.last == "bool.tensor")
  }

  @Test("F16, BF16 and F64 become the Float32 that PyTorch makes of them")
  func widening() throws {
    let file = try SafetensorsFile(contentsOf: fixture("widened.safetensors"))
    for name in ["float16", "bfloat16", "float32", "float64"] {
      let found = try file.float32(name, shape: [32]).map(\.bitPattern)
      let expected = try file.float32("\(name).float32").map(\.bitPattern)
      #expect(found == expected, "\(name)")
    }
  }

  @Test("a file written again is the reference's file, byte for byte")
  func rewriting() throws {
    for name in ["reference.safetensors", "widened.safetensors"] {
      let file = try SafetensorsFile(contentsOf: fixture(name))
      let contents = try file.sortedNames.map { name in
        let entry = try file.entry(name)
        return TensorContent(
          name, dtype: entry.dtype, shape: entry.shape, bytes: try file.bytes(name))
      }
      let written = try SafetensorsWriter.bytes(of: contents, metadata: file.metadata)
      let original = [UInt8](try Data(contentsOf: URL(filePath: fixture(name))))
      #expect(written == original, "\(name)")
    }
  }

  @Test("parameters_sha256 is what the ten lines of Python print")
  func digest() throws {
    for (name, expected) in Verdicts.committed.parametersSHA256 {
      let file = try SafetensorsFile(contentsOf: fixture(name))
      #expect(try file.sha256OfTensors() == expected)
      let tensors = try file.entries.filter(\.dtype.isReadableAsFloat32).reversed().map {
        (name: $0.name, values: try file.float32($0.name))
      }
      #expect(sha256OfTensors(tensors) == expected)
    }
  }
}
