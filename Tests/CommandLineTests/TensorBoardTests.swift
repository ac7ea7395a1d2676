/// `--tensorboard`: TensorBoard is shown what `metrics.jsonl` says, of a resumed run too.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct TensorBoardTests {
    private static let arguments =
      Job.small + [
        "--iterations", "30", "--checkpoint-every", "10", "--keep-checkpoints", "10",
        "--lr-milestones", "15", "--tensorboard",
      ]

    private static func files(_ folder: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasPrefix("events.out.tfevents.") }.sorted().map { "\(folder)/\($0)" }
    }

    /// The points that TensorBoard shows of `files`, in order, as "tag step value": from the second start on, a
    /// start voids earlier points of its step and later ones (`plugin_event_accumulator.py`).
    private static func points(_ files: [String]) throws -> [String] {
      var points: [(step: Int64, text: String)] = []
      var starts = 0
      for file in files {
        var rest = try Data(contentsOf: URL(fileURLWithPath: file))[...]
        while !rest.isEmpty {
          let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
          let event = try ProtobufMessage(Array(rest.dropFirst(12).prefix(length)))
          rest = rest.dropFirst(length + 16)
          let step = event.integers(2).first ?? 0
          if try event.messages(7).first?.integers(1) == [1] {
            starts += 1
            if starts > 1 { points.removeAll { $0.step >= step } }
          }
          for value in try event.messages(5).flatMap({ try $0.messages(1) }) {
            guard case .fixed32(let bits)? = value.fields.first(where: { $0.number == 2 })?.value
            else { continue }
            points.append((step, "\(value.strings(1)[0]) \(step) \(Float(bitPattern: bits))"))
          }
        }
      }
      return points.map(\.text).filter { !$0.hasPrefix("images_per_s") }
    }

    /// The same from the metrics log.
    private static func expected(_ folder: String) throws -> [String] {
      try Job.metrics(folder).flatMap { line in
        let split = try #require(line["split"])
        let tags = [
          ("\(split)/loss", "loss"), ("\(split)/error", "top1_error"),
          ("\(split)/top5_error", "top5_error"),
        ]
        let curves = tags + (split == "train" ? [("lr", "lr")] : [])
        return try curves.compactMap { (tag, key) -> String? in
          guard let text = line[key] else { return nil }
          let (step, value) = (try #require(line["step"]), try #require(Double(text)))
          return "\(tag) \(step) \(Float(value))"
        }
      }
    }

    @Test("the curves are those of metrics.jsonl, also after a resume from before the last points")
    func resumed() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let first = try Job.run(2, Self.arguments + ["--run-dir", path])
      #expect(first.exitCode == 0, "\(first.standardError)")
      let whole = try Self.points(Self.files(path))
      #expect(try Self.files(path).count == 1)
      #expect(whole.contains { $0.hasPrefix("test/error 24 ") })
      #expect(try whole == Self.expected(path))
      // Points of steps 24 and 30 are void and come again; that of step 16 stays.
      let second = try Job.run(1, ["--resume", "\(path)/checkpoints/step-0000020"])
      #expect(second.exitCode == 0, "\(second.standardError)")
      let files = try Self.files(path)
      #expect(files.count == 2)
      #expect(try Self.points([files[1]]).count < whole.count)
      #expect(try Self.points(files) == whole)
      // Off again, the run writes no further file.
      let third = try Job.run(1, ["--resume", path, "--no-tensorboard"])
      #expect(third.exitCode == 0, "\(third.standardError)")
      #expect(try Self.files(path) == files)
    }

    @Test("without the flag there is no event file")
    func off() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try Job.alone(Job.small + ["--iterations", "2", "--run-dir", path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try Self.files(path).isEmpty)
    }
  }
}
