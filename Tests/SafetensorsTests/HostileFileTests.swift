/// Files that break one rule each: the error names the file, what was found and what to do.

import Foundation
import Safetensors
import TestSupport
import Testing

/// A file of this header and these bytes.
func makeFile(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let length = length ?? UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
    + Array(repeating: 0, count: data)
}

@Suite struct HostileFileTests {
  static let f32 = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#

  struct Hostile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let message: String

    init(_ name: String, _ bytes: [UInt8], _ message: String) {
      (testDescription, self.bytes, self.message) = (name, bytes, message)
    }
  }

  static func entry(
    dtype: String = #""F32""#, shape: String = "[1]", offsets: String = "[0,4]"
  ) -> String {
    #"{"w":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }

  static let hostile: [Hostile] = [
    Hostile("empty", [], "0 bytes, where the header's length alone takes 8"),
    Hostile("huge header", makeFile("{}", length: 1 << 63), "header of 9223372036854775808 bytes"),
    Hostile(
      "header over the limit", makeFile("{}", length: 100_000_001), "the format allows 100000000"),
    Hostile(
      "header cut", makeFile("{}", length: 50),
      "a header of 50 bytes is promised, the file has 10 bytes"),
    Hostile("not UTF-8", makeFile("{}", length: 3) + [0xFF], "it is not UTF-8 text"),
    Hostile("pickle", makeFile("PK"), "the header begins with byte 80, expected `{`"),
    Hostile("no header", makeFile(""), "the header begins with nothing"),
    Hostile(
      "unfinished", makeFile(#"{"w":"#),
      "damaged header at byte 5: the entry of `w` is not an object"),
    Hostile("unfinished string", makeFile(#"{"w"#), "byte 1: a string without an end"),
    Hostile("two objects", makeFile("{}{}"), "byte 2: `{` after the end of the header's object"),
    Hostile("duplicate", makeFile("{\"w\":\(f32),\"w\":\(f32)}", data: 4), "names `w` twice"),
    Hostile(
      "metadata of numbers", makeFile(#"{"__metadata__":{"step":3}}"#),
      "`__metadata__` must map strings to strings: the value of `step` is not a string"),
    Hostile(
      "metadata array", makeFile(#"{"__metadata__":[]}"#), "strings: it is not an object"),
    Hostile(
      "no shape", makeFile(#"{"w":{"dtype":"F32","data_offsets":[0,4]}}"#, data: 4),
      "tensor `w` has no `shape`"),
    Hostile(
      "unknown dtype", makeFile(entry(dtype: #""F33""#), data: 4), "unknown element type `F33`"),
    Hostile(
      "dtype no string", makeFile(entry(dtype: "32"), data: 4), "`dtype`: it is not a string"),
    Hostile(
      "negative", makeFile(entry(shape: "[-1]"), data: 4), "tensor `w`, `shape`: -1 is negative"),
    Hostile(
      "fraction", makeFile(entry(shape: "[1.5]"), data: 4), "`shape`: 1.5 is not a whole number"),
    Hostile(
      "beyond 2^53", makeFile(entry(offsets: "[0,9007199254740993]"), data: 4),
      "`data_offsets`: 9007199254740993 is beyond 2^53"),
    Hostile(
      "text for a number", makeFile(entry(shape: #"["1"]"#), data: 4),
      "`shape`: `\"` is not a number"),
    Hostile("three offsets", makeFile(entry(offsets: "[0,4,8]"), data: 4), "more than 2 numbers"),
    Hostile("one offset", makeFile(entry(offsets: "[0]"), data: 4), "1 numbers, expected 2"),
    Hostile(
      "rank 65",
      makeFile(entry(shape: "[" + String(repeating: "1,", count: 64) + "1]"), data: 4),
      "more than 64 numbers"),
    Hostile(
      "overflow", makeFile(entry(shape: "[4294967296,4294967296]"), data: 4),
      "F32 [4294967296, 4294967296] has no possible size"),
    Hostile(
      "size mismatch", makeFile(entry(shape: "[3,5]"), data: 4),
      "tensor `w` of F32 [3, 5] needs 60 bytes, its range 0..<4 has 4"),
    Hostile("backwards", makeFile(entry(offsets: "[4,0]"), data: 4), "ends before it begins"),
    Hostile(
      "hole", makeFile(entry(offsets: "[4,8]"), data: 8),
      "leaves a hole before it: its range is 4..<8, expected to begin at 0"),
    Hostile(
      "overlap", makeFile("{\"v\":\(f32),\"w\":\(f32)}", data: 4),
      "tensor `w` overlaps the one before it"),
    Hostile(
      "truncated", makeFile(entry(), data: 3),
      "truncated: the header promises 66 bytes, the file has 65: copy it again or use an older"),
    Hostile(
      "trailing", makeFile(entry(), data: 5), "the file has 67 bytes, the header accounts for 66"),
    Hostile(
      "control characters in a name",
      makeFile(#"{"\u001b[2J\u202e":{"dtype":"F32"}}"#), #"tensor `\u{1b}[2J\u{202e}` has no"#),
    Hostile(
      "too many",
      makeFile(
        "{"
          + (0...100_000).map { #""\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"# }
          .joined(separator: ",") + "}"), "more than 100000 tensors"),
    Hostile(
      "deep", makeFile(#"{"w":{"x":"# + String(repeating: "[", count: 1_000_000)),
      "nested too deeply"),
  ]

  @Test("each is refused with its own message", arguments: hostile)
  func refused(_ hostile: Hostile) {
    let error = #expect(throws: SafetensorsError.self) {
      try SafetensorsFile(bytes: hostile.bytes, name: "runs/1/model.safetensors")
    }
    let message = error?.description ?? ""
    #expect(message.contains(hostile.message), "\(message)")
    #expect(message.hasPrefix("runs/1/model.safetensors: "))
  }

  @Test("no two of them share a message")
  func ownMessages() {
    #expect(Set(Self.hostile.map(\.message)).count == Self.hostile.count)
  }

  @Test("a missing file, a folder and a pipe are errors, not waits")
  func notFiles() throws {
    let directory = try TemporaryDirectory()
    let pipe = directory.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    for (path, reason) in [
      (pipe, "not a regular file"),
      ("/no/such/file", "cannot open: No such file or directory"),
      ("/", "not a regular file"),
      ("/dev/zero", "not a regular file"),
    ] {
      let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: path) }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
  }

  @Test("a missing tensor, another shape and another type are named")
  func requests() throws {
    let file = try SafetensorsFile(bytes: makeFile(Self.entry(), data: 4), name: "m")
    let missing = #expect(throws: SafetensorsError.self) { try file.float32("fc.weight") }
    #expect(missing == .missingTensor(file: "m", tensor: "fc.weight", count: 1))
    let shape = #expect(throws: SafetensorsError.self) { try file.float32("w", shape: [2, 3]) }
    #expect(shape?.description.contains("`w` has shape [1], expected [2, 3]") == true)
    let type = #expect(throws: SafetensorsError.self) { try file.int64("w") }
    #expect(type?.description.contains("`w` is F32, expected I64") == true)
  }
}
