/// Feeds damaged files to the readers: each must read a file or refuse it with an error, soon and in
/// memory that the file's size bounds.
///
///     fuzz-parsers --tests FOLDER [--parser NAME] [--inputs N] [--seed S] [--from N]
///     fuzz-parsers --tests FOLDER --parser NAME FILE…
///
/// A reader that crashes or hangs ends this process; the file is left in the working folder, and the
/// number of the input is in the last line.

import ArgumentParser
import Foundation
import Glibc
import System

struct FuzzParsers: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "fuzz-parsers")

  @Option(help: "The folder of the tests, with their fixtures.")
  var tests: String
  @Option(help: "One reader alone.")
  var parser: String?
  @Option(help: "Damaged files for each reader.")
  var inputs = 10_000
  @Option(help: "Of the changes.")
  var seed: UInt64 = 1
  @Option(help: "The number of the first damaged file.")
  var from = 0
  @Option(help: "The most memory of the process, in MiB.")
  var memory = 1024
  @Argument(help: "Files to read instead of damaged ones.")
  var files: [String] = []

  /// Seconds after which a file counts as one that hangs its reader.
  private static let patience: UInt32 = 20

  func run() throws {
    let folder = try workingFolder()
    let parsers = try Parser.all(fixtures: tests, folder: folder)
      .filter { parser == nil || $0.name == parser }
    guard !parsers.isEmpty else {
      throw ValidationError("no reader is called \(parser ?? "")")
    }
    for parser in parsers {
      if files.isEmpty {
        try feed(parser, folder)
      } else {
        for file in files { report(file, read(parser, file)) }
      }
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func workingFolder() throws -> String {
    let parent = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
    let folder = "\(parent)/fuzz-parsers-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  /// The error that a reader throws; nil: none.
  private func read(_ parser: Parser, _ path: String) -> (any Error)? {
    alarm(Self.patience)
    defer { alarm(0) }
    do {
      try parser.read(path)
      return nil
    } catch {
      // A message is made of the file's bytes, too.
      _ = "\(error)"
      return error
    }
  }

  private func feed(_ parser: Parser, _ folder: String) throws {
    let path = "\(folder)/\(parser.name)"
    var refused = 0
    for input in from..<from + inputs {
      var mutator = Mutator(seed: seed, input: input)
      var bytes = mutator.pick(parser.seeds)
      mutator.change(&bytes, with: mutator.pick(parser.seeds))
      if input % 2 == 0 { parser.repair(&bytes) }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      if input % 1000 == 0 { say("\(parser.name): input \(input), file \(path)") }
      if read(parser, path) != nil { refused += 1 }
      if peakMemory > memory {
        say(
          "\(parser.name): input \(input) of \(bytes.count) bytes took \(peakMemory) MiB: \(path)")
        throw ExitCode(1)
      }
    }
    say("\(parser.name): \(inputs) inputs, \(refused) refused, peak memory \(peakMemory) MiB")
  }

  /// Of this process, in MiB.
  private var peakMemory: Int { ResourceUsage.peakResidentBytes >> 20 }

  private func report(_ file: String, _ error: (any Error)?) {
    say("\(file): \(error.map { "refused: \($0)" } ?? "read")")
  }

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}

FuzzParsers.main()
