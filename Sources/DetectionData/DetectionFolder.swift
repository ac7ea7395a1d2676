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
      try self.coco(annotations: path, images: images, options: options)
    }
    if let given = options.imageSet {
      let files = FileManager.default
      let candidates = [given, "\(annotations)/\(given)", "\(annotations)/\(given).json"]
      guard let path = candidates.first(where: files.fileExists) else {
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
      // As Roboflow exports it.
      let path = "\(folder)/\(name)/_annotations.coco.json"
      if FileManager.default.fileExists(atPath: path) { return try coco(path, "\(folder)/\(name)") }
    }
    if listed.isEmpty { throw .noDataset(folder: folder) }
    throw .noSplit(
      folder: folder, split: split.rawValue,
      searched: names(of: split).map { "\(annotations)/instances_\($0)*.json" })
  }

  /// The folder with the images of an annotation file: `instances_train2017.json` is of `train2017`.
  private static func imagesFolder(of path: String, in folder: String, _ here: [String]) -> String {
    let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    let set = name.hasPrefix("instances_") ? String(name.dropFirst("instances_".count)) : name
    for candidate in [set, "images/\(set)", "images"]
    where FileManager.default.fileExists(atPath: "\(folder)/\(candidate)") {
      return "\(folder)/\(candidate)"
    }
    return folder
  }
}
