/// What doctor makes of measurements: each mishap alone changes the finding that is about it, and no other.

import Benchmarks
import Foundation
import Testing

@Suite struct DoctorFindingsTests {
  /// Two hosts of two ranks, each on cores of its own, with which nothing is wrong.
  private static let healthy = """
    {"mpi_library": "Open MPI v4.1.4", "blas_library": "OpenBLAS 0.3.21",
     "threads_were_given": false,
     "ranks": [\(rank("node1", 0)), \(rank("node1", 2)), \(rank("node2", 0)), \(rank("node2", 2))],
     "links": [
       {"from": 0, "to": 1, "latency_seconds": 1e-6, "bytes_per_second": 5e9},
       {"from": 2, "to": 3, "latency_seconds": 1e-6, "bytes_per_second": 5e9},
       {"from": 0, "to": 2, "latency_seconds": 2e-5, "bytes_per_second": 3e9}],
     "all_reduce": {"bytes": 4194304, "seconds": 0.002},
     "clocks": [{"host": "node2", "offset_seconds": 0.001, "uncertainty_seconds": 0.0001}],
     "run": {"model": "resnet20", "is_detector": false, "precision": "fp32", "evaluation_share": 0.33, "training_images": 50000, "test_images": 10000, "batch_size": 128,
       "shards": 8, "epochs": 10, "steps": 3907, "evaluations": 10, "checkpoint_bytes": 2000000,
       "kept_checkpoints": 3, "skips_bad_images": false, "memory_bytes": [1000000000, 1000000000, 1000000000, 1000000000],
       "folder": "runs", "free_disk_bytes": 50000000000, "folder_is_writable": true},
     "step": {"model": "resnet20", "precision": "fp32", "ranks": 4, "hosts": 2, "threads": 2, "batch_size": 128, "shards": 8,
       "steps": 10, "images_per_second": 1000, "step_seconds": 0.128, "gflops": 100,
       "parts": {"forward": 0.04, "backward": 0.08, "optimizer": 0.001, "statistics_wait": 0.005,
         "gradient_wait": 0.005, "data": 0},
       "peak_rss_bytes": 1, "peak_rss_sum_bytes": 4, "estimated_bytes": 1},
     "loading": {"dataset": "CIFAR-10", "images": 1000, "ranks": 4, "workers": 1, "height": 32, "width": 32,
       "augmentation": "crop", "images_per_second": 40000, "images_per_core_second": 10000,
       "bad_images": 0}}
    """

  private static func rank(_ host: String, _ first: Int) -> String {
    """
    {"host": "\(host)", "processor_name": "AMD EPYC", "has_tiles": false, "bf16_speedup": 1, "processors": [\(first), \(first + 1)], "cores": 2,
     "machine_processors": 4, "load": 0.1, "threads": 2, "idle_blas_threads": 0, "program_sha256": "abc",
     "transports": ["btl_tcp", "btl_vader", "pml_ob1"], "available_memory": 16000000000, "speed": 100}
    """
  }

  private func report(_ change: (inout [String: Any]) -> Void = { _ in }) throws -> DoctorReport {
    var object = try #require(
      try JSONSerialization.jsonObject(with: Data(Self.healthy.utf8)) as? [String: Any])
    change(&object)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return DoctorReport(
      try decoder.decode(
        Examination.self, from: JSONSerialization.data(withJSONObject: object)))
  }

  /// The findings that are not the healthy system's, by check.
  private func changed(
    _ change: (inout [String: Any]) -> Void
  ) throws -> [String: Finding] {
    let usual = try report().findings
    let found = try report(change).findings.filter { !usual.contains($0) }
    return Dictionary(found.map { ($0.check, $0) }, uniquingKeysWith: { $1 })
  }

  @Test("nothing is wrong with a healthy system, and a remedy stands only where something is")
  func healthy() throws {
    let report = try report()
    #expect(report.findings.allSatisfy { $0.level == .ok && $0.remedy == nil }, "\(report.text)")
    #expect(report.text.hasSuffix("\nready to run"))
    let checks = report.findings.map(\.check)
    #expect(
      checks == [
        "processor", "ranks", "binding", "BLAS", "load", "speed", "program", "MPI", "in a host",
        "network", "all-reduce", "waiting", "clocks", "images", "memory", "disk", "loading", "time",
      ])
    // Loading takes 2.5 % of a core from two: 50,000 images at 1,000 / 1.0125 a second, and ten tests of
    // 10,000 at three times that.
    let time = report.findings.last!.text
    #expect(time.contains("0:51 an epoch") && time.contains("9:00 the run"), "\(time)")
  }

  /// A change of the healthy system, and the one finding that follows.
  struct Mishap: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: String
    let level: Finding.Level
    let words: [String]
    let change: @Sendable (inout [String: Any]) -> Void

    init(
      _ description: String, _ check: String, _ level: Finding.Level, _ words: [String],
      _ change: @escaping @Sendable (inout [String: Any]) -> Void
    ) {
      (testDescription, self.check, self.level) = (description, check, level)
      (self.words, self.change) = (words, change)
    }
  }

  private static func set(
    _ list: String, _ index: Int, _ key: String, _ value: any Sendable
  ) -> @Sendable (inout [String: Any]) -> Void {
    { object in
      var elements = object[list] as! [[String: Any]]
      elements[index][key] = value
      object[list] = elements
    }
  }

  private static func set(
    _ part: String, _ key: String, _ value: any Sendable
  ) -> @Sendable (inout [String: Any]) -> Void {
    { object in
      var members = object[part] as! [String: Any]
      members[key] = value
      object[part] = members
    }
  }

  static let mishaps = [
    Mishap(
      "one rank runs another build", "program", .problem, ["rank 3", "node2"],
      set("ranks", 3, "program_sha256", "abd")),
    Mishap(
      "a rank is slow", "speed", .warning, ["rank 2", "50 %", "--balance auto"],
      set("ranks", 2, "speed", 50)),
    Mishap(
      "masks overlap in part", "binding", .warning, ["ranks 0 and 1", "--bind-to"],
      set("ranks", 1, "processors", [1, 2, 3])),
    Mishap(
      "threads share a core", "binding", .note, ["hyper-threads", "--threads 1"],
      set("ranks", 0, "cores", 1)),
    Mishap(
      "a container's quota is smaller than its threads", "quota", .warning, ["1.5", "node1"],
      set("ranks", 0, "processor_quota", 1.5)),
    Mishap(
      "one rank has AMX", "AMX", .note, ["1 of 4 ranks", "--precision bf16"],
      set("ranks", 1, "has_tiles", true)),
    Mishap(
      "all ranks have AMX", "AMX", .note, ["--precision bf16-amx"],
      { object in for rank in 0..<4 { set("ranks", rank, "has_tiles", true)(&object) } }),
    Mishap(
      "bf16 was requested and is slower on one rank", "precision", .warning,
      ["0.5 times", "--precision fp32"],
      { object in
        for rank in 0..<4 { set("ranks", rank, "bf16_speedup", rank == 2 ? 0.48 : 2)(&object) }
        set("run", "precision", "bf16")(&object)
      }),
    Mishap(
      "bf16 was requested and is faster", "precision", .ok, ["2.0 times"],
      { object in
        for rank in 0..<4 { set("ranks", rank, "bf16_speedup", 2)(&object) }
        set("run", "precision", "bf16")(&object)
      }),
    Mishap(
      "bf16 would be faster", "precision", .note, ["2.0 times", "--precision bf16"],
      { object in for rank in 0..<4 { set("ranks", rank, "bf16_speedup", 2)(&object) } }),
    Mishap(
      "OpenBLAS has a pool", "BLAS", .note, ["63 more threads", "OPENBLAS_NUM_THREADS=1"],
      set("ranks", 1, "idle_blas_threads", 63)),
    Mishap(
      "others use the machine", "load", .note, ["node2", "3.2"],
      set("ranks", 2, "load", 3.2)),
    Mishap(
      "the network is slow", "network", .warning, ["0.11 GB/s", "ranks 0 and 2"],
      set("links", 2, "bytes_per_second", 1.1e8)),
    Mishap(
      "the network is late", "network", .warning, ["900.0 µs", "node2"],
      set("links", 2, "latency_seconds", 9e-4)),
    Mishap(
      "shared memory is slow", "in a host", .note, ["0.10 GB/s"],
      set("links", 1, "bytes_per_second", 1e8)),
    Mishap(
      "Open MPI 4 does not use vader", "MPI", .warning, ["over the network", "vader"],
      { object in
        for rank in 0..<4 {
          set("ranks", rank, "transports", ["btl_sm", "btl_tcp", "pml_ob1"])(&object)
        }
      }),
    Mishap(
      "Open MPI 5 calls it sm", "MPI", .ok, ["v5.0.3: btl_sm"],
      { object in
        for rank in 0..<4 {
          set("ranks", rank, "transports", ["btl_sm", "btl_tcp", "pml_ob1"])(&object)
        }
        object["mpi_library"] = "Open MPI v5.0.3"
      }),
    Mishap(
      "a clock is wrong", "clocks", .warning, ["node2", "chrony"],
      set("clocks", 0, "offset_seconds", -90)),
    Mishap(
      "a clock may be wrong for all that is known", "clocks", .ok, ["2.0 s"],
      { object in
        set("clocks", 0, "offset_seconds", 2)(&object)
        set("clocks", 0, "uncertainty_seconds", 1.9)(&object)
      }),
    Mishap(
      "memory is nearly used up", "memory", .warning, ["node1", "--batch-size"],
      set("ranks", 0, "available_memory", 2_100_000_000)),
    Mishap(
      "the disk is full", "disk", .problem, ["--run-dir"],
      set("run", "free_disk_bytes", 3_000_000)),
    Mishap(
      "the disk will be full", "disk", .warning, ["--keep-checkpoints"],
      set("run", "free_disk_bytes", 9_000_000)),
    Mishap(
      "the run folder cannot be made", "disk", .problem, ["--run-dir"],
      set("run", "folder_is_writable", false)),
    Mishap(
      "more threads than shards", "ranks", .note, ["--shards 8"],
      set("run", "shards", 4)),
    Mishap(
      "the run is longer than its limit", "time", .note, ["--resume auto", "6 times"],
      set("run", "maximum_seconds", 100)),
    Mishap(
      "steps wait for other ranks", "waiting", .warning, ["50 %"],
      { object in
        var step = object["step"] as! [String: Any]
        var parts = step["parts"] as! [String: Any]
        (parts["statistics_wait"], parts["gradient_wait"]) = (0.034, 0.03)
        step["parts"] = parts
        object["step"] = step
      }),
  ]

  @Test("a mishap is found, with its level, by the one check that is about it", arguments: mishaps)
  func mishap(_ mishap: Mishap) throws {
    let changed = try changed(mishap.change)
    #expect(Array(changed.keys) == [mishap.check], "\(changed)")
    let finding = try #require(changed[mishap.check])
    #expect(finding.level == mishap.level)
    let text = finding.text + "\n" + (finding.remedy ?? "")
    for word in mishap.words { #expect(text.contains(word), "no '\(word)' in \(text)") }
    // What is not as it should be says what to do.
    #expect(finding.level == .ok || finding.remedy != nil || mishap.check == "program")
  }

  @Test("ranks that share a core are told how to start instead")
  func oversubscribed() throws {
    let bound = try changed { object in
      for rank in [0, 1] { Self.set("ranks", rank, "processors", [0])(&object) }
    }
    #expect(bound["ranks"]?.level == .warning)
    #expect(bound["ranks"]?.text.contains("4 threads take turns on 1 processor of node1") == true)
    #expect(bound["ranks"]?.remedy?.contains("at most 1 rank there") == true)
    let threads = try changed { object in
      object["threads_were_given"] = true
      for rank in 0..<4 { Self.set("ranks", rank, "threads", 4)(&object) }
    }
    #expect(threads["ranks"]?.remedy?.contains("--threads") == true, "\(threads)")
    let idle = try changed { object in
      for rank in 0..<4 { Self.set("ranks", rank, "threads", 1)(&object) }
    }
    #expect(idle["ranks"]?.level == .note && idle["ranks"]?.text.contains("2 of the 4") == true)
  }

  @Test("images that come too slowly set the pace, and the workers that would do are named")
  func loading() throws {
    // A rank trains 250 images a second, and a core prepares 100.
    let slow = try changed(Self.set("loading", "images_per_core_second", 100))
    #expect(slow["loading"]?.level == .warning)
    #expect(slow["loading"]?.remedy?.contains("--workers 3,") == true, "\(slow)")
    // Four workers of 100 images a second, each on half of a rank's two cores: 400 / 1.5.
    #expect(slow["time"]?.text.contains("about 267 images/s") == true, "\(slow)")
  }

  @Test("a run that cannot start is a problem that names the rank and its host")
  func failure() throws {
    let report = try report { object in
      for key in ["run", "step", "loading", "all_reduce"] { object[key] = nil }
      object["failure"] = ["rank": 2, "reason": "no class folders in images"]
    }
    let finding = try #require(report.findings.last)
    #expect(finding.level == .problem && finding.check == "run")
    #expect(finding.text == "no class folders in images (rank 2 on node2)")
    #expect(report.text.hasSuffix("1 problem: this run should not be started like this"))
  }

  @Test("the JSON has the findings, and the measurements that they were made from")
  func json() throws {
    let report = try report()
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    let findings = try #require(object["findings"] as? [[String: Any]])
    #expect(findings.count == report.findings.count)
    #expect(Set(findings.flatMap(\.keys)) == ["level", "check", "text"])
    let measured = try #require(object["measured"] as? [String: Any])
    let healthy = try JSONSerialization.jsonObject(with: Data(Self.healthy.utf8))
    #expect(Self.leaves(measured) == Self.leaves(healthy))
  }

  /// Every value of a JSON document with the way to it.
  private static func leaves(_ value: Any, at path: String = "") -> Set<String> {
    switch value {
    case let members as [String: Any]:
      Set(members.flatMap { leaves($0.value, at: "\(path).\($0.key)") })
    case let elements as [Any]:
      Set(elements.enumerated().flatMap { leaves($0.element, at: "\(path)[\($0.offset)]") })
    case let number as NSNumber: ["\(path) = \(number.doubleValue)"]
    case let other: ["\(path) = \(other)"]
    }
  }
}
