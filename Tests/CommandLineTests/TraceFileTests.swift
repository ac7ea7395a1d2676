/// The file of `--timeline`: what was there before, and the trace of a run that is stopped.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct TraceFileTests {
    private func contents(_ path: String) throws -> String {
      try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test("a run that is refused leaves an earlier trace alone")
    func refused() throws {
      let folder = try TemporaryDirectory()
      let (taken, trace) = (folder.file("taken"), folder.file("keep.json"))
      try FileManager.default.createDirectory(
        atPath: taken, withIntermediateDirectories: false)
      try "kept".write(toFile: "\(taken)/notes", atomically: true, encoding: .utf8)
      try "kept".write(toFile: trace, atomically: true, encoding: .utf8)
      expectFailure(
        try Job.run(2, Job.small + ["--run-dir", taken, "--timeline", trace]), exitCode: 1,
        naming: [taken])
      #expect(try contents(trace) == "kept")
    }

    @Test("a place where no trace can be written is an error before training")
    func unwritable() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      for place in ["/none/trace.json", folder.path] {
        expectFailure(
          try Job.run(2, Job.small + ["--run-dir", run, "--timeline", place]), exitCode: 1,
          naming: ["cannot write \(place)"])
        #expect(!FileManager.default.fileExists(atPath: run))
      }
    }

    @Test("a run that is stopped writes what its ranks did")
    func stopped() throws {
      let folder = try TemporaryDirectory()
      let trace = folder.file("trace.json")
      let outcome = try Job.run(
        2,
        Job.small + [
          "--epochs", "100000", "--max-time", "7s", "--run-dir", folder.file("run"), "--timeline",
          trace,
        ])
      #expect(outcome.exitCode == 75, "\(outcome)")
      let events = try #require(Job.object(contents(trace))["traceEvents"] as? [[String: Any]])
      #expect(Set(events.compactMap { $0["pid"] as? Int }) == [0, 1])
      #expect(events.contains { ($0["name"] as? String)?.hasPrefix("forward of ") == true })
    }
  }
}
