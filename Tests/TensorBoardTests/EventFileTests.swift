/// Event files are those of TensorBoard's own writers (`Oracles/tensorboard/make_fixtures.py`), byte for byte.

import Foundation
import Glibc
import System
import TensorBoard
import TestSupport
import Testing

@Suite struct EventFileTests {
  private static let now = 1_700_000_000.25
  /// As in the script.
  private static let points: [(step: Int, time: Double, scalars: [Event.Scalar])] = [
    (
      50, now + 1,
      [
        Event.Scalar("train/loss", 2.3025851), Event.Scalar("train/error", 0.9),
        Event.Scalar("lr", 0.1), Event.Scalar("images_per_s", 1234.5678),
      ]
    ),
    (
      3_000_000_000, now + 2, [Event.Scalar("test/loss", 0.5), Event.Scalar("test/error", 0)]
    ),
    (
      3_000_000_001, now + 3,
      [
        Event.Scalar("train/loss", .nan),
        Event.Scalar("größe/" + String(repeating: "x", count: 200), -1e-30),
      ]
    ),
  ]

  private static func fixture(_ name: String) throws -> [UInt8] {
    let path = Bundle.module.resourcePath! + "/Fixtures/\(name).tfevents"
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test("the checksums are those of RFC 3720, B.4")
  func checksums() {
    let command: [UInt8] =
      [0x01, 0xC0] + Array(repeating: 0, count: 14) + [0x14, 0, 0, 0, 0, 0, 4, 0] + [0, 0, 0, 0x14]
      + [0, 0, 0, 0x18, 0x28] + Array(repeating: 0, count: 7) + [0x02]
      + Array(repeating: 0, count: 7)
    for (bytes, checksum): ([UInt8], UInt32) in [
      (Array(repeating: 0, count: 32), 0x8A91_36AA),
      (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      (Array((0..<32).reversed()), 0x113F_DB5C), (command, 0xD996_3A56),
    ] {
      #expect(CRC32C.checksum(bytes) == checksum)
    }
  }

  @Test("a file is what TensorBoard's RecordWriter makes of the same events")
  func file() throws {
    let folder = try TemporaryDirectory()
    let file = try EventFile(in: folder.path, firstStep: 11, host: "node1", time: Self.now)
    for (step, time, scalars) in Self.points {
      try file.append(scalars, step: step, time: time)
    }
    try file.synchronize()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        == ["events.out.tfevents.1700000000.node1"])
    #expect(
      try Self.bytes(folder.file("events.out.tfevents.1700000000.node1"))
        == Self.fixture("tensorboard"))
  }

  @Test("records are those of PyTorch's SummaryWriter")
  func records() throws {
    // The first names the writer, so it is its own.
    let whole = try Self.fixture("torch")
    let first = 16 + Int(whole[0])
    let scalars = Self.points.flatMap { point in
      point.scalars.map { Event(.scalars([$0]), step: point.step, wallTime: point.time) }
    }
    let events =
      [
        Event(.version, step: 11, wallTime: Self.now),
        Event(.sessionStart, step: 11, wallTime: Self.now),
      ] + scalars
    #expect(Array(whole[first...]) == events.flatMap(\.record))
  }

  @Test("a further file of a folder comes last by name, whatever its clock says")
  func order() throws {
    let folder = try TemporaryDirectory()
    for name in ["events.out.tfevents.9.v2", "events.out.tfevents.", "lock", "metrics.jsonl"] {
      try Data().write(to: URL(fileURLWithPath: folder.file(name)))
    }
    for (host, time): (String, Double) in [
      ("b", 1_700_000_000), ("a", 1_700_000_000), ("c", 1_600_000_000), ("a", 1_800_000_000),
    ] {
      _ = try EventFile(in: folder.path, firstStep: 1, host: host, time: time)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(
      names.filter { $0.hasPrefix("events.out.tfevents.1") } == [
        "events.out.tfevents.1700000000.b", "events.out.tfevents.1700000001.a",
        "events.out.tfevents.1700000002.c", "events.out.tfevents.1800000000.a",
      ])
  }

  @Test("a file that cannot be made is an error that names it, and leaves nothing")
  func refused() throws {
    let folder = try TemporaryDirectory()
    let message = #expect(throws: FileError.self) {
      _ = try EventFile(in: folder.file("none"), firstStep: 1)
    }
    #expect("\(try #require(message))".contains(folder.file("none")))
    let long = #expect(throws: FileError.self) {
      _ = try EventFile(
        in: folder.path, firstStep: 1, host: String(repeating: "x", count: 300), time: 5)
    }
    #expect("\(try #require(long))".contains("events.out.tfevents.0000000005.xxx"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
