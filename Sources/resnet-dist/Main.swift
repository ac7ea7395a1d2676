/// The entry point: parse on every rank, agree, run, and end all ranks together.

import ArgumentParser
import Console
import Distributed
import Foundation
import Kernels
import MPI
import System

/// A subcommand that runs on all ranks.
protocol RankedCommand: ParsableCommand {
  /// Whether it computes on all ranks; otherwise one process does it, with or without mpirun.
  static var usesRanks: Bool { get }
  /// Whether all ranks must run the same build.
  static var needsOneBuild: Bool { get }
  /// Whether it ends in its own time when a signal asks it to stop.
  static var obeysStopSignals: Bool { get }
  func run(on ranks: ProcessGroup) throws
  /// The work of a command that uses no ranks.
  func runAlone() throws
}

extension RankedCommand {
  static var usesRanks: Bool { true }
  static var needsOneBuild: Bool { true }
  static var obeysStopSignals: Bool { false }
  func run(on ranks: ProcessGroup) throws { try ranks.onFirst(runAlone) }
  func runAlone() throws {}
}

@main
enum Main {
  /// A parsed command line.
  private enum Parsed {
    case command(any RankedCommand)
    /// Help, a version, or what is wrong with the flags.
    case text(String, exitCode: Int32)
  }

  static func main() {
    // A console that goes away (`| head`) must not end a training run.
    signal(SIGPIPE, SIG_IGN)
    let parsed = parse(Array(ProcessArguments.all.dropFirst()))
    var usesRanks = LaunchedProcess.current.map { $0.size != 1 } ?? false
    if case .command(let command) = parsed {
      usesRanks = usesRanks || type(of: command).usesRanks
      // MPI's start takes a while, in which a signal must not end the rank.
      if type(of: command).obeysStopSignals { StopSignals.watch() }
    }
    if usesRanks { runOnRanks(parsed) } else { runAlone(parsed) }
  }

  private static func parse(_ arguments: [String]) -> Parsed {
    if let missing = ProcessorTarget.missingExtension {
      let mismatch = ProcessorMismatch(
        missing: String(cString: missing), host: ProcessInfo.processInfo.hostName)
      return .text("error: \(mismatch)", exitCode: ExitCode.failure)
    }
    do {
      var command = try ResnetDist.parseAsRoot(arguments)
      if let ranked = command as? any RankedCommand { return .command(ranked) }
      // The parser's own commands, such as help, end by throwing what they have to show.
      try command.run()
      return .text("", exitCode: 0)
    } catch {
      let code = ResnetDist.exitCode(for: error)
      let text = ForeignFlags.explained(ResnetDist.fullMessage(for: error))
      return .text(text, exitCode: code.isSuccess ? 0 : ExitCode.usage)
    }
  }

  private static func runAlone(_ parsed: Parsed) -> Never {
    switch parsed {
    case .text(let text, let code):
      show(text, exitCode: code)
      exit(code)
    case .command(let command):
      do { try command.runAlone() } catch {
        complain(error)
        exit(ExitCode.of(error))
      }
      exit(0)
    }
  }

  private static func runOnRanks(_ parsed: Parsed) -> Never {
    let code: Int32
    do {
      try LaunchedProcess.current?.checkWorld(size: nil)
      let environment = try MPIEnvironment(requiring: .funneled)
      try LaunchedProcess.current?.checkWorld(size: Communicator.world.size)
      let ranks = try ProcessGroup()
      code = run(parsed, ranks)
      try environment.finalize()
    } catch let mismatch as LaunchMismatch {
      end(mismatch)
    } catch {
      complain(error)
      exit(ExitCode.failure)
    }
    exit(code)
  }

  /// Says once that ranks do not know each other: the launcher's first process does.
  private static func end(_ mismatch: LaunchMismatch) -> Never {
    if mismatch.process.rank == 0 {
      complain(mismatch)
    } else {
      // A launcher ends all processes when one fails; the first shall have spoken by then.
      sleep(1)
    }
    exit(ExitCode.usage)
  }

  /// Runs on all ranks and returns the exit code that they agree on.
  private static func run(_ parsed: Parsed, _ ranks: ProcessGroup) -> Int32 {
    do {
      return try ranks.endTogether {
        if let code = try endTogether(parsed, ranks) { return code }
        if case .command(let parsedCommand) = parsed {
          // Commands talk to each other's ranks differently: with two of them none would come to an
          // end.
          let command = type(of: parsedCommand)
          try ranks.agree(on: [
            ("the command", command.configuration.commandName ?? "\(command)"),
            ("the program", command.needsOneBuild ? VersionText.build : ""),
          ])
          try parsedCommand.run(on: ranks)
        }
        return 0
      }
    } catch {
      if error.rank == ranks.rank {
        if error.exitCode == ExitCode.stopped {
          StandardConsole.error.writeLine("resnet-dist: \(error)")
        } else {
          complain(error)
        }
      }
      return error.exitCode
    }
  }

  /// Shows help, or a rank's usage error, once; nil when every rank has a command to run.
  private static func endTogether(_ parsed: Parsed, _ ranks: ProcessGroup) throws -> Int32? {
    var text = ""
    var code: Int32 = -1
    if case .text(let message, let exitCode) = parsed {
      text = message
      code = exitCode
    }
    let codes = try ranks.control.allGather(code)
    guard let decisive = codes.firstIndex(where: { $0 > 0 }) ?? codes.firstIndex(of: 0) else {
      return nil
    }
    if decisive == ranks.rank { show(text, exitCode: codes[decisive]) }
    return codes[decisive]
  }

  private static func show(_ text: String, exitCode: Int32) {
    let console = exitCode == 0 ? StandardConsole.output : .error
    console.writeLine(exitCode == 0 ? text : "resnet-dist: \(text)")
  }

  private static func complain(_ error: any Error) {
    StandardConsole.error.writeLine("resnet-dist: error: \(error)")
  }
}
