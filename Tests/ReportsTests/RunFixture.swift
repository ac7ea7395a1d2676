/// Run folders for the tests of reports.

import Foundation
import Settings
import TestSupport

/// Writes the files of a run.
struct RunFixture {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// - Parameters:
  ///   - settings: lines of config.yaml.
  ///   - errors: of the evaluations after each ten steps.
  ///   - result: the test images' error at the end; nil: the run is not finished.
  func run(
    _ name: String, _ settings: [String], errors: [Double], result: Double?
  ) throws -> String {
    let path = directory.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try settings.map { $0 + "\n" }.joined().write(
      toFile: "\(path)/config.yaml", atomically: true, encoding: .utf8)
    let lines = errors.enumerated().flatMap { index, error in
      ["train", "test"].map { split in
        """
        {"step":\(10 * index + 10),"epoch":\(index + 1),"split":"\(split)","loss":\(error * 2),\
        "top1_error":\(error),"lr":0.1,"images_per_second":100,"seconds":\(index + 1)}
        """
      }
    }
    try lines.map { $0 + "\n" }.joined().write(
      toFile: "\(path)/metrics.jsonl", atomically: true, encoding: .utf8)
    if let result {
      try """
      {"model":"m","samples":100,"top1":\(1 - result),"loss":0.5,"parameters_sha256":"ab","seconds":90}
      """.write(toFile: "\(path)/result.json", atomically: true, encoding: .utf8)
    }
    return path
  }
}
