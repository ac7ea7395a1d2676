/// What can be wrong with a detection data set or a file of results, said once.

package enum DetectionDataError: Error, Equatable, CustomStringConvertible {
  /// Neither form is in the folder.
  case noDataset(folder: String)
  /// The folder has no images for the split.
  case noSplit(folder: String, split: String, searched: [String])
  case unreadable(path: String, reason: String)
  case damaged(path: String, line: Int?, reason: String)
  /// A box that is none.
  case badBox(path: String, object: String, reason: String)
  /// A class that is not among those that are expected.
  case unknownClass(path: String, object: String, name: String, known: [String])
  case duplicate(path: String, what: String, id: Int)
  /// An annotation of an image or a category that does not exist.
  case orphan(path: String, annotation: Int, what: String, id: Int)
  case noImageFile(path: String, folder: String)
  /// A result of an image or a category that the data set does not have.
  case foreignResult(path: String, what: String, id: String)
  case noImages(path: String)

  package var description: String {
    switch self {
    case .noDataset(let folder):
      "there is no detection data set in \(folder): it has neither annotations/*.json (COCO) nor "
        + "train/\(DetectionDataset.roboflowName) (Roboflow) nor Annotations and ImageSets/Main (VOC)"
    case .noSplit(let folder, let split, let searched):
      "\(folder) has no \(split) images: there is no \(searched.joined(separator: ", nor "))"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .damaged(let path, let line, let reason):
      "\(path)\(line.map { ":\($0)" } ?? ""): \(reason)"
    case .badBox(let path, let object, let reason):
      "\(path): \(object) \(reason): mend the file, or remove the object from it"
    case .unknownClass(let path, let object, let name, let known):
      "\(path): \(object) is of class '\(name)', which is not among "
        + known.prefix(20).joined(separator: ", ") + (known.count > 20 ? ", …" : "")
    case .duplicate(let path, let what, let id): "\(path): there are two \(what) with id \(id)"
    case .orphan(let path, let annotation, let what, let id):
      "\(path): annotation \(annotation) is of \(what) \(id), which does not exist"
    case .noImageFile(let path, let folder):
      "\(path): its image is not in \(folder)"
    case .foreignResult(let path, let what, let id):
      "\(path): a detection is of \(what) \(id), which the data set does not have: give the annotations that "
        + "the detections were made for"
    case .noImages(let path): "\(path) names no images"
    }
  }
}
