/// The readers of files that come from elsewhere.

import Datasets
import DetectionData
import Foundation
import PyTorchFiles
import Safetensors
import Settings

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
    func files(_ target: String, _ suffixes: [String]) throws -> [[UInt8]] {
      let path = "\(fixtures)/\(target)/Fixtures"
      return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        .filter { name in suffixes.contains { name.hasSuffix($0) } }
        .map { try bytes("\(path)/\($0)") }
        .filter { $0.count <= 1 << 17 }
    }
    let images = try files("DatasetsTests", [".jpg", ".png"])
    return [
      Parser(name: "safetensors", seeds: try files("SafetensorsTests", [".safetensors"])) { path in
        let file = try SafetensorsFile(contentsOf: path)
        for entry in file.entries { _ = try? file.float32(entry.name) }
      },
      Parser(name: "pytorch", seeds: try files("PyTorchFilesTests", [".pth"])) { path in
        _ = try PyTorchFile(contentsOf: path).float32Tensors()
      },
      Parser(name: "image", seeds: images) { path in
        let bytes = try bytes(path)
        var image = ImageBuffer()
        try ImageDecoder.decode(
          bytes, path: path, into: &image,
          ImageDecoding(upright: true, maximumPixels: 1 << 20), divisor: { _ in 2 })
      },
      Parser(name: "tar", seeds: Samples.tars(images)) { path in
        let shards = try TarShards(
          path, split: .test, decoding: ImageDecoding(maximumPixels: 1 << 20))
        var image = ImageBuffer()
        for index in 0..<min(shards.count, 8) {
          try? shards.read(index, into: &image) { _ in 1 }
        }
      } repair: {
        Samples.repairTar(&$0)
      },
      Parser(name: "idx", seeds: Samples.idx) { path in
        // The labels' file is whole.
        let labels = "\(folder)/t10k-labels-idx1-ubyte"
        try Data(Samples.idxLabels).write(to: URL(fileURLWithPath: labels))
        let images = "\(folder)/t10k-images-idx3-ubyte"
        try? FileManager.default.removeItem(atPath: images)
        try FileManager.default.copyItem(atPath: path, toPath: images)
        let source = try FashionMNIST(directory: folder, split: .test)
        var image = ImageBuffer()
        for index in 0..<source.count { source.read(index, into: &image) { _ in 1 } }
      },
      Parser(name: "cifar", seeds: Samples.cifar) { path in
        let images = "\(folder)/test_batch.bin"
        try? FileManager.default.removeItem(atPath: images)
        try FileManager.default.copyItem(atPath: path, toPath: images)
        let source = try CIFARBinary(.cifar10, directory: folder, split: .test)
        var image = ImageBuffer()
        for index in 0..<source.count { source.read(index, into: &image) { _ in 1 } }
      },
      Parser(name: "coco", seeds: try files("DetectionMetricsTests", ["annotations.json"])) {
        path in
        let data = try DetectionDataset.coco(annotations: path, images: "")
        _ = try? COCOResults.read(path, of: data)
      },
      Parser(name: "voc", seeds: Samples.voc) { path in
        let annotation = "\(folder)/Annotations/a.xml"
        for name in ["Annotations", "ImageSets/Main", "JPEGImages"] {
          try FileManager.default.createDirectory(
            atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        try? FileManager.default.removeItem(atPath: annotation)
        try FileManager.default.copyItem(atPath: path, toPath: annotation)
        try Data("a".utf8).write(to: URL(fileURLWithPath: "\(folder)/ImageSets/Main/test.txt"))
        try Data().write(to: URL(fileURLWithPath: "\(folder)/JPEGImages/a.jpg"))
        _ = try DetectionDataset.voc(folder, imageSet: "test")
      },
      Parser(name: "yaml", seeds: Samples.yaml) { path in
        let text = String(decoding: try bytes(path), as: UTF8.self)
        _ = try? Sweep(yaml: text, path: path)
        _ = try ConfigurationChanges(yaml: text, path: path)
      },
    ]
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }
}
