/// Events as JSON objects in a file, one a line: what swift-log's loggers write to in a run.

import Foundation
import Logging
import System

/// Each line is one `write`. A line that cannot be written is lost: a run must not end because of its log.
struct JSONLinesLog: LogHandler {
  /// A logger is copied; its file is not.
  private final class Destination: Sendable {
    let file: OpenFile
    init(_ path: String) throws(FileError) {
      file = try OpenFile(path, O_WRONLY | O_APPEND | O_CREAT)
    }
  }

  private let destination: Destination
  private let rank: Int
  private let host: String
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  /// Opens a file for appending.
  init(path: String, rank: Int, host: String) throws(FileError) {
    destination = try Destination(path)
    (self.rank, self.host) = (rank, host)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let line = Self.line(
      time: Date(), rank: rank, host: host, level: event.level.rawValue,
      message: event.message.description,
      fields: metadata.merging(event.metadata ?? [:]) { $1 })
    try? destination.file.append(Array((line + "\n").utf8))
  }

  /// `{"time","rank","host","level","message","fields":{…}}`; fields by their names, numbers as numbers.
  static func line(
    time: Date, rank: Int, host: String, level: String, message: String, fields: Logger.Metadata
  ) -> String {
    JSON.object([
      "time": .string(time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))),
      "rank": .integer(rank), "host": .string(host), "level": .string(level),
      "message": .string(message),
      "fields": .members(
        fields.sorted { $0.key < $1.key }.map { ($0.key, value($0.value)) }),
    ]).description
  }

  private static func value(_ value: Logger.MetadataValue) -> JSON {
    switch value {
    case .string(let text): .string(text)
    case .stringConvertible(let number as Int): .integer(number)
    case .stringConvertible(let number as Double): .number(number)
    case .stringConvertible(let other): .string(other.description)
    case .array(let values): .array(values.map(Self.value))
    case .dictionary(let members):
      .members(members.sorted { $0.key < $1.key }.map { ($0.key, Self.value($0.value)) })
    }
  }
}

extension RunFolder {
  /// The logs of all ranks.
  static let logsName = "logs"

  /// Makes the folder of the ranks' logs.
  func makeLogsFolder() throws { try RunFolder.makeFolders("\(path)/\(Self.logsName)") }

  /// A rank's logger into the run folder at `path`, appending to what an earlier process of the run wrote there.
  ///
  /// Nil where the folder of logs, which rank 0 makes, cannot be seen from this rank's host.
  static func logger(in path: String, rank: Int) -> Logger? {
    let name = String(format: "rank-%04ld.jsonl", rank)
    guard
      let log = try? JSONLinesLog(
        path: "\(path)/\(logsName)/\(name)", rank: rank, host: ProcessInfo.processInfo.hostName)
    else { return nil }
    return Logger(label: "resnet-dist") { _ in log }
  }
}
