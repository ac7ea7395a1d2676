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
  @Option(help: "The most memory that reading a file may take, in MiB, beside 64 times its size.")
  var memory = 32
  @Argument(help: "Files to read instead of damaged ones.")
  var files: [String] = []

  /// Seconds after which a file counts as one that hangs its reader.
  private static let patience: UInt32 = 20
  /// What a byte of a file may take of memory.
  private static let bytesPerByte = 64

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
        for file in files {
          let bytes = try Parser.bytes(file).count
          let outcome = try read(parser, file, bytes: bytes)
          say(
            "\(file): \(outcome.error.map { "refused: \($0)" } ?? "read"), \(outcome.memory >> 10) KiB"
          )
        }
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

  /// What a reader makes of a file: the error that it throws, and the bytes of memory that it takes.
  private typealias Outcome = (error: (any Error)?, memory: Int)

  /// Reads a file of so many bytes.
  ///
  /// - Throws: `ExitCode` where that takes too much memory.
  private func read(_ parser: Parser, _ path: String, bytes: Int) throws -> Outcome {
    alarm(Self.patience)
    defer { alarm(0) }
    var caught: (any Error)?
    let growth = ResidentMemory.growth {
      do { try parser.read(path) } catch {
        // A message is made of the file's bytes, too.
        _ = "\(error)"
        caught = error
      }
    }
    guard growth <= memory << 20 + Self.bytesPerByte * bytes else {
      say("\(parser.name): a file of \(bytes) bytes took \(growth >> 20) MiB: \(path)")
      throw ExitCode(1)
    }
    return (caught, growth)
  }

  private func feed(_ parser: Parser, _ folder: String) throws {
    let path = "\(folder)/\(parser.name)"
    var refused = 0
    var most = (memory: 0, bytes: 0)
    let began = MonotonicClock.now
    for input in from..<from + inputs {
      var mutator = Mutator(seed: seed, input: input)
      var bytes = mutator.pick(parser.seeds)
      mutator.change(&bytes, with: mutator.pick(parser.seeds))
      if input % 2 == 0 { parser.repair(&bytes) }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      if input % 1000 == 0 { say("\(parser.name): input \(input), file \(path)") }
      let outcome = try read(parser, path, bytes: bytes.count)
      if outcome.error != nil { refused += 1 }
      if outcome.memory > most.memory { most = (outcome.memory, bytes.count) }
    }
    let rate = Int(Double(inputs) / (MonotonicClock.now - began))
    say(
      "\(parser.name): \(inputs) inputs, \(refused) refused, \(rate) a second, at most \(most.memory >> 10) KiB "
        + "(for \(most.bytes) bytes)")
  }

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}

FuzzParsers.main()
