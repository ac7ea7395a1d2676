/// `resnet-dist doctor`: will this run work, started like this, and how fast?

import ArgumentParser
import Benchmarks
import Console
import Distributed
import Runs
import Settings

struct DoctorCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check machines, ranks, network, images, memory, disk and time before a run.",
    usage: "mpirun -n <ranks> resnet-dist doctor [<options of train>] [--json]",
    discussion: """
      Start it as the training run will be started, with its flags; it takes some seconds:

        mpirun -n 8 resnet-dist doctor --model resnet50 \\
            --dataset image-folder --data-dir images

      Each line is a finding: ok, note, warning or problem, and below it what to do. \
      The exit code is 1 where there is a problem.
      """)

  /// It says itself which ranks run another.
  static var needsOneBuild: Bool { false }

  @Flag(
    help: ArgumentHelp("Read every image once, as data check does, and tell which are bad."))
  var data = false

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  @OptionGroup(title: CommonSettings.title) var common: SettingOptions<CommonSettings>
  @OptionGroup(title: ConfigurationFile.title) var file: ConfigurationFile
  @OptionGroup var rare: RareRunOptions

  func run(on ranks: ProcessGroup) throws {
    let configuration = try ranks.together {
      let configuration = try TrainingConfiguration.resolve(
        try common.changes + rare.changes, file: file.config, resume: nil)
      try configuration.check(isFor: .classification, command: "doctor")
      return configuration
    }
    try Doctor(configuration, ranks: ranks).report(json: json, ranks: ranks) {
      data ? try imageFindings(configuration) : []
    }
  }

  /// What `data check` finds.
  private func imageFindings(_ configuration: TrainingConfiguration) throws -> [Finding] {
    let check = try DataCheck(
      configuration, console: json ? StandardConsole.error : StandardConsole.output)
    if check.findings.isEmpty { return [Finding(.ok, "data", "nothing is wrong with the images")] }
    return check.findings.map { Finding($0.isUnusable ? .problem : .note, "data", $0.text) }
  }
}

extension Doctor {
  /// Examines the run and prints what is found. Collective.
  ///
  /// - Parameter others: further findings, of rank 0.
  /// - Throws: `ProblemsFound`, and what the examination throws.
  func report(json: Bool, ranks: ProcessGroup, others: () throws -> [Finding] = { [] }) throws {
    let measured = try examine()
    try ranks.onFirst {
      guard let measured else { return }
      var report = DoctorReport(measured)
      report.add(try others())
      try StandardConsole.output.writeResultLine(json ? report.json : report.text)
      let problems = report.findings.count(.problem)
      if problems > 0 { throw ProblemsFound(count: problems) }
    }
  }
}

/// The doctor advises against the run.
private struct ProblemsFound: Error, CustomStringConvertible {
  let count: Int

  var description: String { "\(Finding.counted(count, "problem")) found" }
}
