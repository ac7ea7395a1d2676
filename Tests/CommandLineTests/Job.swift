/// Running `resnet-dist`, alone or under mpirun, as a user would.

import Foundation
import TestSupport
import Testing

/// All command-line tests, one at a time: each uses all cores.
@Suite(.serialized) enum CommandLineTests {}

enum Job {
  /// The repository's top folder.
  static let root: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  static let executable: String =
    ProcessInfo.processInfo.environment["RESNET_DIST_EXECUTABLE"]
    ?? "\(root)/.build/release/resnet-dist"

  /// Images and settings that train in a second.
  static let small = [
    "--dataset", "synthetic", "--model", "resnet8", "--train-limit", "256", "--test-limit", "96",
    "--batch-size", "32",
  ]

  /// Seconds within which a job that cannot go on must have ended.
  static let patience = 20.0

  /// What `launch/environment` sets for more ranks than cores.
  static var environment: [String: String?] {
    var environment: [String: String?] = [
      "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
      "OMPI_MCA_hwloc_base_binding_policy": "none", "OPENBLAS_NUM_THREADS": "1",
    ]
    if getuid() == 0 {
      environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
      environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    }
    return environment
  }

  /// Runs one process without mpirun.
  static func alone(
    _ arguments: [String], in directory: String? = nil
  ) throws -> ProcessRunner.Outcome {
    try ProcessRunner.run(
      executable, arguments, environment: environment, directory: directory, timeout: 120)
  }

  /// Runs a script of bash in which `"$@"` is a command and `$run` its run folder.
  static func script(
    _ script: String, _ command: [String], run: String, timeout: Double = 60
  ) throws -> ProcessRunner.Outcome {
    var environment = environment
    environment["run"] = run
    return try ProcessRunner.run(
      "/usr/bin/env", ["bash", "-c", script, "bash"] + command, environment: environment,
      timeout: timeout)
  }

  /// Runs `ranks` processes with the same arguments.
  static func run(
    _ ranks: Int, _ arguments: [String], in directory: String? = nil, timeout: Double = 120
  ) throws -> ProcessRunner.Outcome {
    try launch(["-n", "\(ranks)", executable] + arguments, in: directory, timeout: timeout)
  }

  /// Runs one process with each list of arguments, together.
  static func run(
    each arguments: [[String]], in directory: String? = nil
  ) throws -> ProcessRunner.Outcome {
    let parts = arguments.map { ["-n", "1", executable] + $0 }
    return try launch(Array(parts.joined(separator: [":"])), in: directory, timeout: patience)
  }

  /// Runs one process in each folder, together.
  static func run(
    inEach directories: [String], _ arguments: [String]
  ) throws -> ProcessRunner.Outcome {
    let parts = directories.map { ["-n", "1", "-wdir", $0, executable] + arguments }
    return try launch(Array(parts.joined(separator: [":"])), in: nil, timeout: patience)
  }

  /// Working directories with a folder `images` each, which holds so many images of one class.
  static func placesWithImages(_ counts: Int..., in folder: TemporaryDirectory) throws -> [String] {
    let jpeg = "\(root)/Tests/DatasetsTests/Fixtures/colour.jpg"
    return try counts.enumerated().map { number, count in
      let place = folder.file("place-\(number)")
      let images = "\(place)/images/cat"
      try FileManager.default.createDirectory(atPath: images, withIntermediateDirectories: true)
      for index in 0..<count {
        try FileManager.default.copyItem(atPath: jpeg, toPath: "\(images)/\(index).jpg")
      }
      return place
    }
  }

  private static func launch(
    _ arguments: [String], in directory: String?, timeout: Double
  ) throws -> ProcessRunner.Outcome {
    try ProcessRunner.run(
      "/usr/bin/env", ["mpirun"] + arguments, environment: environment, directory: directory,
      timeout: timeout)
  }

  /// The `parameters_sha256` of a run, a checkpoint or a weights file.
  static func digest(_ path: String) throws -> String {
    let outcome = try alone(["inspect", path, "--json"])
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return try object(outcome.standardOutput)["parameters_sha256"] as? String ?? ""
  }

  /// The one JSON object that `text` must be.
  static func object(_ text: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try #require(value as? [String: Any])
  }

  /// `metrics.jsonl` without the fields that tell time.
  static func metrics(_ folder: String) throws -> [[String: String]] {
    let text = try String(contentsOfFile: "\(folder)/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      try object(String(line)).filter { !["seconds", "images_per_second"].contains($0.key) }
        .mapValues { "\($0)" }
    }
  }
}

/// Expects one clear error from one rank and the end of the whole job.
func expectFailure(
  _ outcome: ProcessRunner.Outcome, exitCode: Int32, naming words: [String],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let output = outcome.standardOutput + outcome.standardError
  let errors = output.split(separator: "\n").filter { $0.contains("resnet-dist: ") }
  #expect(!outcome.timedOut, "the job hangs:\n\(output)", sourceLocation: sourceLocation)
  #expect(outcome.exitCode == exitCode, "\(output)", sourceLocation: sourceLocation)
  #expect(errors.count == 1, "\(output)", sourceLocation: sourceLocation)
  for word in words {
    #expect(output.contains(word), "no '\(word)' in:\n\(output)", sourceLocation: sourceLocation)
  }
}
