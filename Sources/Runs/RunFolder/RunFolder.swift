/// The folder of one training run: its configuration, metrics and checkpoints.
///
///     config.yaml     every value of the run, resolved
///     metrics.jsonl   a line per logged step and per evaluation
///     events.out.tf…  the same figures for TensorBoard, a file for each start of the run
///     result.json     what came of it, once it is finished
///     test-predictions.csv   what the last test says of each image, likewise
///     mistakes.json   what it gets wrong, for report.html, likewise
///     report.html     its curves and settings, likewise
///     checkpoints/    step-0001234/ and so on
///     best.json       the step of its best evaluation, whose checkpoint is kept
///     origin.json     the checkpoint in another folder that it branched off, if it did
///     status.json     where the run is, replaced every few seconds
///     logs/           rank-0000.jsonl and so on: what happened on each rank
///     lock            held by the process that writes here

import Console
import Foundation
import Glibc
import Reports
import System

/// Held exclusively from creation until it is released by `deinit` or the end of the process.
///
/// One process of a job, rank 0, opens it. Files it does not know are never touched; what an earlier,
/// killed run left half-written under temporary names is removed on opening.
package final class RunFolder: Sendable {
  /// The folder itself, as given or chosen.
  package let path: String
  private let lock: RunLock

  /// Creates a run folder at `path`, parents included; it must be absent or empty, or hold nothing but what
  /// a run left that was stopped before its first checkpoint, which is removed.
  ///
  /// - Parameter outputs: paths of other files that the run writes, which may be in the folder, too, and stay.
  package convenience init(creating path: String, outputs: [String] = []) throws {
    try RunFolder.makeFolders(path)
    let outputs = Set(
      outputs.map { TemporaryName.split($0) }.filter { WeightsFile.areSame($0.folder, path) }
        .map { $0.name })
    let names = try DirectoryListing.names(in: path).filter { !outputs.contains($0) }
    // A foreign folder is refused before a lock file is put into it.
    if !names.isEmpty, !names.contains(RunLock.fileName) {
      throw RunFolderError.notEmpty(path: path)
    }
    let lock = try RunLock(folder: path)
    guard try Self.isUnstarted(path, outputs) else { throw RunFolderError.notEmpty(path: path) }
    for name in names where name != RunLock.fileName && name != "checkpoints" {
      try TemporaryName.remove("\(path)/\(name)")
    }
    try self.init(path: path, lock: lock)
  }

  /// What a run may have in its folder before it is finished.
  private static var unfinishedNames: Set<String> {
    [
      configName, "metrics.jsonl", "report.html", checkpointsName, predictionsName,
      Mistakes.fileName, RunLock.fileName, RunStatus.fileName, logsName, bestName,
      RunOrigin.fileName,
    ]
  }

  private static let configName = "config.yaml"
  private static let checkpointsName = "checkpoints"
  private static let resultName = "result.json"
  private static let eventsPrefix = "events.out.tfevents."

  /// Whether a run has been at `path`.
  static func isRun(_ path: String) -> Bool {
    let files = FileManager.default
    return files.fileExists(atPath: "\(path)/\(configName)")
      && (hasSteps(in: path) || files.fileExists(atPath: "\(path)/\(checkpointsName)"))
  }

  /// Whether `name` in a run folder is the run's, or means something there as `best` does.
  static func isOwn(_ name: String) -> Bool {
    unfinishedNames.contains(name) || name.hasPrefix(eventsPrefix)
      || [resultName, bestCheckpointName].contains(name)
  }

  /// Whether nothing is at `path` but what a run leaves that is stopped before its first checkpoint.
  ///
  /// - Parameter outputs: names of other files that the run writes.
  private static func isUnstarted(_ path: String, _ outputs: Set<String>) throws -> Bool {
    let own = outputs.union(unfinishedNames)
    let names = try DirectoryListing.names(in: path)
    guard
      names.allSatisfy({
        own.contains($0) || TemporaryName.matches($0) || $0.hasPrefix(eventsPrefix)
      })
    else { return false }
    let checkpoints = "\(path)/checkpoints"
    return try !names.contains("checkpoints")
      || DirectoryListing.names(in: checkpoints).allSatisfy(TemporaryName.matches)
  }

  /// Opens the folder of an earlier run in order to continue it.
  package convenience init(resuming path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { throw RunFolderError.nothingToResume(path: path) }
      throw FileError.current("open", path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw RunFolderError.notAFolder(path: path) }
    try self.init(path: path, lock: RunLock(folder: path))
  }

  /// Where run folders are made that nobody named.
  package static let defaultParent = "runs"

  /// Creates `<parent>/<yyyyMMdd-HHmmss>-<model>-<dataset>`, with `-2`, `-3` … when that is taken.
  package static func create(
    model: String, dataset: String, in parent: String = defaultParent, at date: Date = Date()
  ) throws -> RunFolder {
    try makeFolders(parent)
    let base = "\(parent)/\(timestamp(date))-\(component(model))-\(component(dataset))"
    var path = base
    var attempt = 1
    while mkdir(path, 0o777) != 0 {
      guard errno == EEXIST else { throw FileError.current("create", path) }
      attempt += 1
      path = "\(base)-\(attempt)"
    }
    return try RunFolder(creating: path)
  }

  private init(path: String, lock: RunLock) throws {
    self.path = path
    self.lock = lock
    try RunFolder.makeFolders(checkpointsPath)
    try TemporaryName.removeLeftovers(in: path)
    try TemporaryName.removeLeftovers(in: checkpointsPath)
  }

  /// False where the file system offers no locks, so that a second run would not be noticed.
  package var isExclusive: Bool { lock.isExclusive }

  /// Says so where a second run in the folder would not be noticed.
  func writeLockNote(to console: any Console) {
    if isExclusive { return }
    console.writeLine(
      "note: this file system has no locks, so a second run in the same folder is not noticed")
  }

  /// The folder from `/` on: other ranks may have other working directories.
  var absolutePath: String {
    path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
  }

  /// Where the resolved configuration is.
  package var configPath: String { "\(path)/config.yaml" }
  /// Where the metrics are; see `MetricsLog`.
  package var metricsPath: String { "\(path)/metrics.jsonl" }
  /// The parent of all checkpoints.
  package var checkpointsPath: String { "\(path)/checkpoints" }

  /// Replaces `config.yaml` in one step.
  package func writeConfig(yaml: String) throws(FileError) {
    try AtomicFile.write(yaml, to: configPath)
  }

  /// Replaces `status.json` in one step, without waiting for the disk.
  package func write(_ status: RunStatus) throws(FileError) {
    try AtomicFile.write(
      Array((status.json + "\n").utf8), to: "\(path)/\(RunStatus.fileName)", isDurable: false)
  }

  /// Writes `result.json` in one step.
  package func writeResult(json: String) throws(FileError) {
    try AtomicFile.write(json + "\n", to: Self.resultPath(in: path))
  }

  /// Writes `test-predictions.csv` and `mistakes.json`, each in one step.
  package func write(_ predictions: TestPredictions) throws {
    try AtomicFile.write(predictions.csv, to: "\(path)/\(Self.predictionsName)")
    try AtomicFile.write(
      predictions.mistakes().sortedJSON + "\n", to: "\(path)/\(Mistakes.fileName)")
  }

  private static let predictionsName = "test-predictions.csv"

  /// Where the page about the run is.
  package var reportPath: String { "\(path)/report.html" }

  /// Writes `report.html` from the other files, in one step.
  package func writeReport() throws {
    try AtomicFile.write(RunPage([try RunRecord(path)]).html, to: reportPath)
  }

  /// Removes the result of a run that is resumed, and what its last test said.
  package func removeResult() throws(FileError) {
    let others = [Self.predictionsName, Mistakes.fileName].map { "\(path)/\($0)" }
    for path in [Self.resultPath(in: path)] + others {
      guard unlink(path) == 0 || errno == ENOENT else { throw .current("remove", path) }
    }
  }

  /// Where the result of the run at `path` is, once it is finished.
  package static func resultPath(in path: String) -> String { "\(path)/\(resultName)" }

  /// `mkdir -p`.
  static func makeFolders(_ path: String) throws {
    guard !path.isEmpty else { throw RunFolderError.notAFolder(path: "an empty path") }
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw RunFolderError.notAFolder(path: path) }
      return
    }
    let (parent, name) = TemporaryName.split(path)
    if name != path, !parent.isEmpty, parent != path { try makeFolders(parent) }
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw FileError.current("create", path)
    }
  }

  /// Local time as `yyyyMMdd-HHmmss`.
  private static func timestamp(_ date: Date) -> String {
    var seconds = time_t(date.timeIntervalSince1970)
    var local = tm()
    localtime_r(&seconds, &local)
    return String(
      format: "%04d%02d%02d-%02d%02d%02d", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
      local.tm_hour, local.tm_min, local.tm_sec)
  }

  /// A name that is safe inside a path.
  private static func component(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) ? $0 : "-" })
  }
}
