/// `resnet-dist report`: runs as tables and pages.

import ArgumentParser
import Console
import Reports
import Runs
import System

struct ReportCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Gather runs into a table, a paper's table, or a page with their curves.",
    usage: "resnet-dist report <run>... [<options>]",
    discussion: """
        resnet-dist report runs/*

        # the curves of all runs of a sweep in one page
        resnet-dist report runs/table6/* --format html --output table6.html

        # the paper's numbers and ours
        resnet-dist report runs/table6/* --table 6

        # throughput over ranks
        for n in 1 2 4; do mpirun -n $n resnet-dist bench --json; done > bench.json
        resnet-dist report --scaling bench.json --format html --output scaling.html
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case markdown, csv, json, html
  }

  @Argument(
    help: ArgumentHelp(
      "Folders of runs or of sweeps; files of eval --json for --table 4, of bench --json for "
        + "--scaling."),
    completion: .file())
  var runs: [String]

  @Option(
    help: "markdown, csv, json or html.")
  var format = Format.markdown

  @Option(
    help: ArgumentHelp(
      "Lay the runs out as a table of the papers: 2, 3, 4, 6, 7 or 8 of He et al. 2015, or resnext.",
      valueName: "table"))
  var table: String?

  @Flag(help: "Show throughput and efficiency over ranks, from what bench --json printed.")
  var scaling = false

  @Option(
    help: ArgumentHelp("Write to a file instead of stdout.", valueName: "file"), completion: .file()
  )
  var output: String?

  func validate() throws {
    if let table, PaperTable(rawValue: table) == nil, DetectionTable(rawValue: table) == nil {
      let names = (PaperTable.allCases.map(\.rawValue) + DetectionTable.allCases.map(\.rawValue))
        .joined(separator: ", ")
      throw ValidationError("--table \(table): expected one of \(names)")
    }
    if table != nil, scaling {
      throw ValidationError("--table and --scaling are two reports: use one at a time")
    }
    if table != nil, format == .html {
      throw ValidationError("--table is written as markdown, csv or json")
    }
  }

  func runAlone() throws {
    let paper = table.flatMap(PaperTable.init)
    let detection = table.flatMap(DetectionTable.init)
    let text =
      if scaling { text(try ScalingReport(files: runs)) } else if let detection {
        "\(format == .markdown ? detection.title + "\n\n" : "")"
          + text(detection.filled(with: try readRuns()))
      } else if let paper {
        "\(format == .markdown ? paper.title + "\n\n" : "")"
          + text(
            try paper.isOfEvaluations
              ? paper.filled(with: runs.flatMap { try EvaluationRecord.read($0) })
              : paper.filled(with: readRuns()))
      } else { text(try readRuns()) }
    guard let output else { return try StandardConsole.output.writeResult(text) }
    try AtomicFile.write(text, to: output)
  }

  /// Reads the runs, and prints what is left out.
  private func readRuns() throws -> [RunRecord] {
    let selection = try RunSelection(runs)
    for note in selection.notes { StandardConsole.error.writeLine("left out: \(note)") }
    return selection.runs
  }

  private func text(_ report: ScalingReport) -> String {
    format == .html ? report.html : text(report.table)
  }

  private func text(_ records: [RunRecord]) -> String {
    switch format {
    case .markdown:
      RunTable.all(of: records).map { TableText(header: $0.header, rows: $0.rows).markdown }
        .joined(separator: "\n")
    case .csv: RunFigures(records).csv
    case .json: RunFigures(records).json
    case .html: RunPage(records).html
    }
  }

  private func text(_ table: TableText) -> String {
    switch format {
    case .markdown: table.markdown
    case .csv: table.csv
    case .json: table.json
    case .html: preconditionFailure("a page is no table")
    }
  }
}
