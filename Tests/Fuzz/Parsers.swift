/// The readers of files that come from elsewhere.

import Datasets
import DetectionData
import Foundation
import PyTorchFiles
import Reports
import Runs
import Safetensors
import Settings
import System

/// A reader, and whole files of its format to begin with.
struct Parser {
  let name: String
  let seeds: [[UInt8]]
  /// Reads the file at a path as far as the program would. Throws what the reader throws.
  let read: (_ path: String) throws -> Void
  /// What makes a changed file pass the format's checksums, so that what lies behind them is reached.
  var repair: (inout [UInt8]) -> Void = { _ in }

  /// - Parameters:
  ///   - fixtures: the tests' folder.
  ///   - folder: for files that are found by their folder.
  static func all(fixtures: String, folder: String) throws -> [Parser] {
    func files(_ folder: String, _ suffixes: [String]) throws -> [[UInt8]] {
      let path = "\(fixtures)/\(folder)"
      return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        .filter { name in suffixes.contains { name.hasSuffix($0) } }
        .map { try bytes("\(path)/\($0)") }
        .filter { $0.count <= 1 << 17 }
    }
    let images = try files("DatasetsTests/Fixtures", [".jpg", ".png"])
    return [
      Parser(name: "safetensors", seeds: try files("SafetensorsTests/Fixtures", [".safetensors"])) {
        path in
        let file = try SafetensorsFile(contentsOf: path)
        for entry in file.entries { _ = try? file.float32(entry.name) }
      },
      Parser(name: "pytorch", seeds: try files("PyTorchFilesTests/Fixtures", [".pth"])) { path in
        _ = try PyTorchFile(contentsOf: path).float32Tensors()
      } repair: {
        Checksums.repairZip(&$0)
      },
      Parser(name: "image", seeds: images) { path in
        let bytes = try bytes(path)
        var image = ImageBuffer()
        try ImageDecoder.decode(
          bytes, path: path, into: &image, ImageDecoding(upright: true), divisor: { _ in 2 })
      } repair: {
        Checksums.repairPNG(&$0)
      },
      Parser(name: "tar", seeds: Samples.tars(images)) { path in
        let shards = try TarShards(path, split: .test)
        var image = ImageBuffer()
        for index in 0..<min(shards.count, 8) {
          try? shards.read(index, into: &image) { _ in 1 }
        }
      } repair: {
        Samples.repairTar(&$0)
      },
      Parser(name: "archive", seeds: Samples.archives) { path in
        try unpack(path, in: folder)
      } repair: {
        Samples.repairTar(&$0)
      },
      Parser(name: "devkit", seeds: try files("DatasetsTests/Fixtures/\(devkit)/data", [".mat"])) {
        path in
        let data = "\(folder)/\(devkit)/data"
        try makeFolder(data)
        try replace("\(data)/meta.mat", with: path)
        try Data("1\n2\n".utf8).write(
          to: URL(fileURLWithPath: "\(data)/ILSVRC2012_validation_ground_truth.txt"))
        _ = try ILSVRCDevkit(folder: "\(folder)/\(devkit)")
      },
      Parser(name: "idx", seeds: Samples.idx) { path in
        // The labels' file is whole.
        let labels = "\(folder)/t10k-labels-idx1-ubyte"
        try Data(Samples.idxLabels).write(to: URL(fileURLWithPath: labels))
        try replace("\(folder)/t10k-images-idx3-ubyte", with: path)
        let source = try FashionMNIST(directory: folder, split: .test)
        var image = ImageBuffer()
        for index in 0..<source.count { source.read(index, into: &image) { _ in 1 } }
      },
      Parser(name: "cifar", seeds: Samples.cifar) { path in
        try replace("\(folder)/test_batch.bin", with: path)
        let source = try CIFARBinary(.cifar10, directory: folder, split: .test)
        var image = ImageBuffer()
        for index in 0..<source.count { source.read(index, into: &image) { _ in 1 } }
      },
      Parser(name: "coco", seeds: try files("DetectionMetricsTests/Fixtures", ["annotations.json"]))
      {
        path in
        let data = try DetectionDataset.coco(annotations: path, images: "")
        _ = try? COCOResults.read(path, of: data)
      },
      Parser(name: "voc", seeds: Samples.voc) { path in
        let annotation = "\(folder)/Annotations/a.xml"
        for name in ["Annotations", "ImageSets/Main", "JPEGImages"] {
          try makeFolder("\(folder)/\(name)")
        }
        try replace(annotation, with: path)
        try Data("a".utf8).write(to: URL(fileURLWithPath: "\(folder)/ImageSets/Main/test.txt"))
        try Data().write(to: URL(fileURLWithPath: "\(folder)/JPEGImages/a.jpg"))
        _ = try DetectionDataset.voc(folder, imageSet: "test")
      },
      Parser(name: "yaml", seeds: Samples.yaml) { path in
        let text = String(decoding: try bytes(path), as: UTF8.self)
        _ = try? Sweep(yaml: text, path: path)
        _ = try ConfigurationChanges(yaml: text, path: path)
      },
      Parser(name: "checkpoint", seeds: RunFileSamples.checkpoint) { path in
        let checkpoint = "\(folder)/step"
        try makeFolder(checkpoint)
        try replace("\(checkpoint)/checkpoint.json", with: path)
        _ = try CheckpointFolder.state(of: checkpoint).configuration
      },
      Parser(name: "run", seeds: RunFileSamples.run) { path in
        try readRun(path, in: "\(folder)/run-folder")
      },
      Parser(name: "results", seeds: RunFileSamples.results) { path in
        try readResult(path, in: "\(folder)/printed")
      },
    ]
  }

  private static let devkit = "ILSVRC2012_devkit_t12"

  /// Unpacks an archive as a published one whose size and digest are right.
  private static func unpack(_ path: String, in folder: String) throws {
    let (parent, archive) = ("\(folder)/archives/fetched", "made.tar.gz")
    try? FileManager.default.removeItem(atPath: parent)
    try makeFolder(parent)
    try replace("\(parent)/\(archive)", with: path)
    let bytes = try bytes(path)
    let file = PublicDataset.RemoteFile(
      url: URL(string: "https://localhost/\(archive)")!, bytes: bytes.count,
      sha256: SHA256.hexadecimal(of: bytes))
    defer {
      let outside = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/archives")
      precondition(outside == ["fetched"], "a file was written outside of the folder")
    }
    _ = try DatasetFetcher().fetch(
      PublicDataset(
        name: "made", defaultDirectory: "", files: [file], contents: ["what no archive has"]),
      into: parent)
  }

  /// Reads one part of a run folder, which says its name, as `report` and `top` do.
  private static func readRun(_ path: String, in folder: String) throws {
    try? FileManager.default.removeItem(atPath: folder)
    try makeFolder(folder)
    try Data(RunFileSamples.config.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.yaml"))
    try writeNamed(path, into: folder, of: RunFileSamples.run)
    let view = try RunView(folder)
    _ = view.line + view.lines(width: 80).joined()
    if let status = view.status { _ = PrometheusText.text(status, run: "run") }
    let run = try RunRecord(folder)
    _ = RunPage([run]).html + RunTable([run]).rows.joined().joined()
  }

  /// Reads what a command has printed, or a file of detections.
  private static func readResult(_ path: String, in folder: String) throws {
    try makeFolder(folder)
    guard let name = try writeNamed(path, into: folder, of: RunFileSamples.results) else { return }
    let file = "\(folder)/\(name)"
    defer { try? FileManager.default.removeItem(atPath: file) }
    switch name {
    case "eval.jsonl":
      _ = PaperTable.table4.filled(with: try EvaluationRecord.read(file)).markdown
    case "bench.jsonl": _ = try ScalingReport(files: [file]).html
    default:
      let image = AnnotatedImage(path: "a", name: "a", id: 0, width: 64, height: 64, objects: [])
      let data = DetectionDataset(form: .voc, classes: ["cat"], images: [image], setName: "test")
      _ = try VOCResults.read(folder, of: data)
    }
  }

  /// Writes a file, whose first line is its name, without that line.
  ///
  /// - Returns: nil where the name is none of the samples'.
  @discardableResult
  private static func writeNamed(
    _ path: String, into folder: String, of samples: [[UInt8]]
  ) throws -> String? {
    let parts = try bytes(path).split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, samples.contains(where: { $0.starts(with: parts[0] + [10]) }) else {
      return nil
    }
    let name = String(decoding: parts[0], as: UTF8.self)
    try Data(parts[1]).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    return name
  }

  private static func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  private static func replace(_ path: String, with other: String) throws {
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: other, toPath: path)
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }
}
