/// Which form the data in a folder have, and where each split is.

import Foundation
import System

extension DetectionDataset {
  /// Reads a split of a data set, whichever form it has.
  ///
  /// - Throws: `DetectionDataError`, which names what was looked for.
  package static func open(
    _ folder: String, _ split: Split, options: Options = .init()
  ) throws(DetectionDataError) -> DetectionDataset {
    if VOCFolder.exists(at: folder) { return try openVOC(folder, split, options) }
    return try openCOCO(folder, split, options)
  }

  /// The usual names of a split, best first.
  private static func names(of split: Split) -> [String] {
    switch split {
    case .train: ["train", "trainval"]
    case .validation: ["val", "valid", "validation", "test"]
    case .test: ["test", "val", "valid", "validation"]
    }
  }

  private static func openVOC(
    _ folder: String, _ split: Split, _ options: Options
  ) throws(DetectionDataError) -> DetectionDataset {
    let names = options.imageSet.map { [$0] } ?? names(of: split)
    let files = FileManager.default
    guard
      let name = names.first(where: {
        files.fileExists(atPath: VOCFolder.setPath($0, in: folder))
      })
    else {
      throw .noSplit(
        folder: folder, split: split.rawValue,
        searched: names.map { VOCFolder.setPath($0, in: folder) })
    }
    return try voc(folder, imageSet: name, options: options)
  }

  private static func openCOCO(
    _ folder: String, _ split: Split, _ options: Options
  ) throws(DetectionDataError) -> DetectionDataset {
    let annotations = "\(folder)/annotations"
    let listed = (try? DirectoryListing.names(in: annotations)) ?? []
    let here = (try? DirectoryListing.names(in: folder)) ?? []
    func coco(_ path: String, _ images: String) throws(DetectionDataError) -> DetectionDataset {
      try self.coco(annotations: path, images: images, dataset: folder, options: options)
    }
    if let given = options.imageSet {
      let candidates = [
        given, "\(annotations)/\(given)", "\(annotations)/\(given).json",
        "\(folder)/\(given)/\(roboflowName)", "\(folder)/\(given)",
      ]
      guard let path = candidates.first(where: isFile) else {
        throw .noSplit(folder: folder, split: split.rawValue, searched: candidates)
      }
      return try coco(path, imagesFolder(of: path, in: folder, here))
    }
    for name in names(of: split) {
      if let file = listed.first(where: {
        $0.hasPrefix("instances_\(name)") && $0.hasSuffix(".json")
      })
        ?? listed.first(where: { $0 == "\(name).json" })
      {
        let path = "\(annotations)/\(file)"
        return try coco(path, imagesFolder(of: path, in: folder, here))
      }
      let path = "\(folder)/\(name)/\(roboflowName)"
      if isFile(path) { return try coco(path, "\(folder)/\(name)") }
    }
    // The folder of one split.
    let own = "\(folder)/\(roboflowName)"
    if isFile(own) { return try coco(own, folder) }
    if here.contains(where: { isFile("\(folder)/\($0)/\(roboflowName)") }) {
      throw .noSplit(
        folder: folder, split: split.rawValue,
        searched: names(of: split).map { "\(folder)/\($0)/\(roboflowName)" })
    }
    if listed.isEmpty { throw .noDataset(folder: folder) }
    throw .noSplit(
      folder: folder, split: split.rawValue,
      searched: names(of: split).map { "\(annotations)/instances_\($0)*.json" })
  }

  /// The annotation file of each split's folder as Roboflow exports it, beside the images.
  static let roboflowName = "_annotations.coco.json"

  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && !isFolder.boolValue
  }

  /// The folder with the images of an annotation file: `instances_train2017.json` is of `train2017`.
  private static func imagesFolder(of path: String, in folder: String, _ here: [String]) -> String {
    let file = (path as NSString).lastPathComponent
    if file == roboflowName {
      let own = (path as NSString).deletingLastPathComponent
      return own.isEmpty ? "." : own
    }
    let name = (file as NSString).deletingPathExtension
    let set = name.hasPrefix("instances_") ? String(name.dropFirst("instances_".count)) : name
    for candidate in [set, "images/\(set)", "images"]
    where FileManager.default.fileExists(atPath: "\(folder)/\(candidate)") {
      return "\(folder)/\(candidate)"
    }
    return folder
  }
}
