/// Tables of runs, and the papers' tables.

import Foundation
import Reports
import TestSupport
import Testing

@Suite struct RunTableTests {
  @Test("seeds of one configuration are one row with mean, deviation and best")
  func seeds() throws {
    let fixture = try RunFixture()
    let settings = ["model: resnet32", "dataset: cifar10", "iterations: 20"]
    let paths = [
      try fixture.run("a", settings + ["seed: 1"], errors: [0.5, 0.11], result: 0.11),
      try fixture.run(
        "b", settings + ["seed: 2", "run-dir: x"], errors: [0.5, 0.10], result: 0.13),
      try fixture.run("c", settings + ["seed: 3", "lr: 0.05"], errors: [0.4], result: nil),
    ]
    let table = RunTable(try paths.map { try RunRecord($0) })
    #expect(
      table.header == [
        "model", "data set", "lr", "seeds", "test error", "best", "lowest in training", "images/s",
        "time", "state",
      ])
    // The deviation of 11 and 13 with n − 1 is √2.
    #expect(
      table.rows == [
        [
          "resnet32", "cifar10", "0.1", "2", "12.00 % ± 1.41", "11.00 %", "10.00 %", "100", "1:30",
          "finished",
        ],
        [
          "resnet32", "cifar10", "0.05", "1", "–", "–", "40.00 %", "100", "–", "1 unfinished",
        ],
      ])
  }

  @Test("settings that decide a result make rows of their own, and those that do not make none")
  func rowsOfSettings() throws {
    let fixture = try RunFixture()
    let settings = ["model: resnet20", "dataset: cifar10", "validation-split: 100"]
    let paths = [
      try fixture.run("a", settings + ["seed: 1"], errors: [0.5], result: 0.2),
      try fixture.run(
        "b", settings + ["seed: 2", "workers: 3", "keep-checkpoints: 9", "threads: 7"],
        errors: [0.5], result: 0.4),
      try fixture.run("c", settings + ["seed: 1", "select: best"], errors: [0.5], result: 0.1),
      try fixture.run("d", settings + ["seed: 2", "eval-every: 2"], errors: [0.5], result: 0.3),
      try fixture.run("e", settings + ["seed: 2", "test-limit: 9"], errors: [0.5], result: 0.6),
    ]
    let table = RunTable(try paths.map { try RunRecord($0) })
    #expect(
      table.header.prefix(6) == [
        "model", "data set", "test-limit", "eval-every", "select", "seeds",
      ])
    #expect(
      table.rows.map { $0[2..<7] } == [
        ["–", "1", "last", "2", "30.00 % ± 14.14"], ["–", "1", "best", "1", "10.00 %"],
        ["–", "2", "last", "1", "30.00 %"], ["9", "1", "last", "1", "60.00 %"],
      ])
  }

  @Test("image folders and tar files are called after their folders, and by their paths if need be")
  func folders() throws {
    let fixture = try RunFixture()
    let settings = ["model: resnet20", "dataset: image-folder"]
    var paths = [
      try fixture.run("a", settings + ["data-dir: data/cats"], errors: [0.5], result: 0.2),
      try fixture.run("b", settings + ["data-dir: data/dogs/"], errors: [0.5], result: 0.4),
    ]
    func table() throws -> RunTable { RunTable(try paths.map { try RunRecord($0) }) }
    #expect(try table().header.prefix(3) == ["model", "data set", "seeds"])
    #expect(try table().rows.map { $0[1] } == ["cats", "dogs"])
    #expect(RunFigures(try paths.map { try RunRecord($0) }).json.contains(#""data":"dogs""#))
    paths.append(
      try fixture.run(
        "c",
        ["model: resnet20", "dataset: webdataset", "data-dir: '/tars/cats/train-{00..07}.tar'"],
        errors: [0.5], result: 0.3))
    #expect(try table().header.prefix(5) == ["model", "data set", "dataset", "data-dir", "seeds"])
    #expect(
      try table().rows.map { $0[1..<4] } == [
        ["cats", "image-folder", "data/cats"], ["dogs", "image-folder", "data/dogs/"],
        ["cats", "webdataset", "/tars/cats/train-{00..07}.tar"],
      ])
  }

  @Test("programs read plain numbers: fractions, their deviation, seconds and counts")
  func figures() throws {
    let fixture = try RunFixture()
    let settings = ["model: resnet32", "dataset: cifar10", "iterations: 20"]
    let paths = [
      try fixture.run("a", settings + ["seed: 1"], errors: [0.5], result: 0.25),
      try fixture.run("b", settings + ["seed: 2"], errors: [0.5], result: 0.75),
      try fixture.run("c", settings + ["lr: 0.05"], errors: [0.5], result: nil),
    ]
    let figures = RunFigures(try paths.map { try RunRecord($0) })
    #expect(
      figures.json == """
        [{"task":"classification","model":"resnet32","data":"cifar10","lr":0.1,"seeds":2,"finished":2,\
        "test_error":0.5,"test_error_std":0.3535533905932738,"best_test_error":0.25,"lowest_error":0.5,\
        "images_per_second":100.0,"seconds":90.0},
         {"task":"classification","model":"resnet32","data":"cifar10","lr":0.05,"seeds":1,"finished":0,\
        "test_error":null,"test_error_std":null,"best_test_error":null,"lowest_error":0.5,\
        "images_per_second":100.0,"seconds":null}]

        """)
    #expect(
      figures.csv == """
        task,model,data,lr,seeds,finished,test_error,test_error_std,best_test_error,lowest_error,\
        images_per_second,seconds
        classification,resnet32,cifar10,0.1,2,2,0.5,0.3535533905932738,0.25,0.5,100.0,90.0
        classification,resnet32,cifar10,0.05,1,0,,,,0.5,100.0,

        """)
  }

  @Test("detectors have a table of their own with data, task and average precisions")
  func detectors() throws {
    let fixture = try RunFixture()
    let classifier = try fixture.run("a", ["model: resnet20"], errors: [0.5], result: 0.4)
    let detector = try fixture.run(
      "b", ["task: detection", "model: resnet18", "data-dir: data/VOC"], errors: [], result: nil)
    try """
    {"model":"fasterrcnn","samples":9,"AP":0.25,"AP50":0.5,"parameters_sha256":"a","seconds":90}
    """.write(toFile: "\(detector)/result.json", atomically: true, encoding: .utf8)
    let runs = try [detector, classifier].map { try RunRecord($0) }
    let tables = RunTable.all(of: runs)
    #expect(tables.map(\.header[0]) == ["model", "model"])
    #expect(tables.map(\.rows.count) == [1, 1])
    #expect(
      tables[1].header == [
        "model", "data", "task", "seeds", "AP", "AP50", "images/s", "time", "state",
      ])
    #expect(
      tables[1].rows == [
        ["resnet18", "VOC", "detection", "1", "25.00 %", "50.00 %", "–", "1:30", "finished"]
      ])
    #expect(RunFigures(runs).csv.contains("detection,resnet18,VOC,1,1,,,,,,90.0,0.25,,0.5,\n"))
  }

  @Test("a run that is named twice, or repeats a seed, is one")
  func repeated() throws {
    let fixture = try RunFixture()
    let one = try fixture.run("a", ["model: resnet20"], errors: [0.5], result: nil)
    let other = try fixture.run("b", ["model: resnet20"], errors: [0.5], result: 0.4)
    let link = fixture.directory.file("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other)
    let runs = try RunSelection([one, other, "\(other)/", link]).runs
    #expect(runs.map(\.path) == [one, other])
    let row = RunTable(runs).rows[0]
    #expect(row[2] == "1" && row[3] == "40.00 %" && row.last == "finished")
  }

  @Test("a sweep's folder stands for its runs, and what is no run is left out and named")
  func selection() throws {
    let fixture = try RunFixture()
    let files = FileManager.default
    let sweep = fixture.directory.file("sweep")
    let first = try fixture.run("sweep/one", ["model: resnet20"], errors: [0.5], result: 0.4)
    let second = try fixture.run("sweep/two", ["model: resnet32"], errors: [0.5], result: 0.4)
    let foreign = fixture.directory.file("foreign")
    try files.createDirectory(atPath: foreign, withIntermediateDirectories: false)
    let recalibrated = try fixture.run("three", ["model: resnet20"], errors: [], result: nil)
    try files.removeItem(atPath: "\(recalibrated)/metrics.jsonl")
    try files.createDirectory(
      atPath: "\(recalibrated)/checkpoints/step-0000010", withIntermediateDirectories: true)
    let selection = try RunSelection([sweep, foreign, recalibrated])
    #expect(selection.runs.map(\.path) == [first, second])
    #expect(selection.notes.count == 2)
    #expect(selection.notes[0].hasPrefix("\(foreign) is not the folder of a run"))
    #expect(selection.notes[1].contains("\(recalibrated) holds the weights of bn-recalibrate"))
    #expect(throws: RunRecordError.nothingLeft(selection.notes)) {
      try RunSelection([foreign, recalibrated])
    }
    let missing = fixture.directory.file("missing")
    #expect(throws: RunRecordError.noFolder(path: missing)) { try RunSelection([first, missing]) }
  }

  @Test("Table 6 has the paper's numbers beside those of the runs that fit")
  func paper() throws {
    let fixture = try RunFixture()
    let cifar = ["dataset: cifar10", "recipe: he2015-cifar"]
    let paths = [
      try fixture.run("a", cifar + ["model: resnet20", "seed: 1"], errors: [0.09], result: 0.09),
      try fixture.run("b", cifar + ["model: resnet20", "seed: 2"], errors: [0.1], result: 0.08),
      try fixture.run("c", cifar + ["model: plain20"], errors: [0.1], result: 0.1),
      try fixture.run(
        "d", ["dataset: synthetic", "model: resnet32"], errors: [0.01], result: 0.01),
    ]
    let table = PaperTable.table6.filled(with: try paths.map { try RunRecord($0) })
    #expect(table.rows[0] == ["resnet20", "8.75", "8.00 (8.50 ± 0.71)", "2", "10"])
    #expect(table.rows[1] == ["resnet32", "7.51", "", "0", ""])
    #expect(table.markdown.hasPrefix("| network | paper | ours: best (mean ± std) |"))
  }

  @Test("Table 6 has a row for each configuration, and counts a seed that is given twice once")
  func paperRows() throws {
    let fixture = try RunFixture()
    let cifar = ["dataset: cifar10", "model: resnet20"]
    let paths = [
      try fixture.run("a", cifar + ["seed: 1"], errors: [0.09], result: 0.09),
      try fixture.run("b", cifar + ["seed: 1", "workers: 2"], errors: [0.09], result: 0.09),
      try fixture.run("c", cifar + ["seed: 2"], errors: [0.1], result: 0.08),
      try fixture.run("d", cifar + ["seed: 1", "lr: 0.05"], errors: [0.3], result: 0.3),
    ]
    let table = PaperTable.table6.filled(with: try paths.map { try RunRecord($0) })
    #expect(table.markdown.hasPrefix("| network | settings | paper | ours: best (mean ± std) |"))
    #expect(
      table.rows.prefix(3) == [
        ["resnet20", "lr 0.1", "8.75", "8.00 (8.50 ± 0.71)", "2", "10"],
        ["resnet20", "lr 0.05", "8.75", "30.00", "1", "10"], ["resnet32", "", "7.51", "", "0", ""],
      ])
  }

  @Test("Table 4 is filled with evaluations, of each network the one of most views")
  func table4() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("eval.json")
    func line(_ model: String, _ top1: Double, views: Int, shortcut: String = "B") -> String {
      #"{"model":"\#(model)","samples":50000,"top1":\#(top1),"top5":0.95,"views":\#(views),"#
        + #""shortcut":"\#(shortcut)"}"# + "\n"
    }
    let text =
      line("resnet50", 0.75, views: 1) + line("resnet50", 0.7925, views: 10)
      + line("resnet34", 0.7854, views: 10, shortcut: "C")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let table = PaperTable.table4.filled(with: try EvaluationRecord.read(path))
    #expect(table.rows[2] == ["resnet50", "20.74", "5.25", "20.75", "5.00", "50000", "10"])
    #expect(
      table.rows[0] == ["resnet34, shortcut B", "21.84", "5.71", "", "", "", ""])
    #expect(
      table.rows[1] == ["resnet34, shortcut C", "21.53", "5.60", "21.46", "5.00", "50000", "10"])
    #expect(table.rows[3] == ["resnet101", "19.87", "4.60", "", "", "", ""])
    try (text + "top-1 error 3 %\n").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: EvaluationRecordError.noEvaluation(path: path, line: 4)) {
      try EvaluationRecord.read(path)
    }
  }

  @Test("texts are quoted as each format needs it")
  func formats() throws {
    let table = TableText(header: ["a", "b"], rows: [["x|y", "1,\"2\""], ["", "–"]])
    #expect(table.markdown == "| a | b |\n| --- | --- |\n| x\\|y | 1,\"2\" |\n|  | – |\n")
    #expect(table.csv == "a,b\nx|y,\"1,\"\"2\"\"\"\n,–\n")
    #expect(TableText(header: ["a"], rows: [["1\r\n2"]]).csv == "a\n\"1\r\n2\"\n")
    let json = try JSONSerialization.jsonObject(with: Data(table.json.utf8)) as? [[String: String]]
    #expect(json == [["a": "x|y", "b": "1,\"2\""], ["a": "", "b": "–"]])
  }

  @Test("folders that are no runs, and damaged ones, are named")
  func errors() throws {
    let fixture = try RunFixture()
    let missing = fixture.directory.file("missing")
    #expect(throws: RunRecordError.noFolder(path: missing)) { try RunRecord(missing) }
    #expect(throws: RunRecordError.noRun(path: fixture.directory.path)) {
      try RunRecord(fixture.directory.path)
    }
    let path = try fixture.run("a", ["model: resnet20"], errors: [0.5, 0.4], result: 0.4)
    let metrics = "\(path)/metrics.jsonl"
    let text = try String(contentsOfFile: metrics, encoding: .utf8)
    // A line that is being written is not there yet; one in the middle is damage.
    try (text + "{\"step\":").write(toFile: metrics, atomically: true, encoding: .utf8)
    #expect(try RunRecord(path).metrics.count == 4)
    try ("{\"step\":\n" + text).write(toFile: metrics, atomically: true, encoding: .utf8)
    #expect(throws: RunRecordError.damaged(path: metrics, line: 1)) { try RunRecord(path) }
    try text.write(toFile: metrics, atomically: true, encoding: .utf8)
    try "{}".write(toFile: "\(path)/result.json", atomically: true, encoding: .utf8)
    #expect(throws: RunRecordError.damaged(path: "\(path)/result.json", line: nil)) {
      try RunRecord(path)
    }
  }
}
