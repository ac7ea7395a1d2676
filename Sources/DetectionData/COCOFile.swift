/// An annotation file of COCO: JSON (cocodataset.org/#format-data).

import Foundation

/// What is read of a file; other members may be there.
struct COCOFile: Decodable {
  struct Image: Decodable {
    let id: Int
    let file_name: String
    let width: Int
    let height: Int
  }

  struct Annotation: Decodable {
    let id: Int
    let image_id: Int
    let category_id: Int
    /// x, y, width, height.
    let bbox: [Double]
    let area: Double?
    let iscrowd: Int?
  }

  struct Category: Decodable {
    let id: Int
    let name: String
  }

  let images: [Image]
  let annotations: [Annotation]
  let categories: [Category]

  /// - Throws: `DetectionDataError`.
  init(path: String) throws(DetectionDataError) {
    let data = try contents(of: path)
    do { self = try JSONDecoder().decode(COCOFile.self, from: data) } catch {
      throw .damaged(path: path, line: nil, reason: Self.reason(error))
    }
  }

  private static func reason(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
      context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        .joined(separator: ".")
    }
    return switch error {
    case DecodingError.keyNotFound(let key, let context):
      "this is not a COCO annotation file: \(place(context)) has no \(key.stringValue)"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "this is not a COCO annotation file: \(place(context)) has another type"
    default: "this is no whole JSON file: copy it again"
    }
  }
}

extension DetectionDataset {
  /// Reads a COCO annotation file.
  ///
  /// Classes are in the order of their ids; images in the order of theirs.
  /// - Parameter images: the folder of the image files.
  /// - Throws: `DetectionDataError`.
  package static func coco(
    annotations path: String, images folder: String, options: Options = .init()
  ) throws(DetectionDataError) -> DetectionDataset {
    let file = try COCOFile(path: path)
    let categories = file.categories.sorted { $0.id < $1.id }
    let images = file.images.sorted { $0.id < $1.id }
    if images.isEmpty { throw .noImages(path: path) }
    if let id = firstDouble(categories.map(\.id)) {
      throw .duplicate(path: path, what: "categories", id: id)
    }
    if let id = firstDouble(images.map(\.id)) {
      throw .duplicate(path: path, what: "images", id: id)
    }
    if let id = firstDouble(file.annotations.map(\.id).sorted()) {
      throw .duplicate(path: path, what: "annotations", id: id)
    }
    let classes = options.classes ?? categories.map(\.name)
    var ids = [Int](repeating: -1, count: classes.count)
    var classOfCategory: [Int: Int] = [:]
    let indices = indices(of: classes)
    for category in categories {
      guard let index = indices[category.name] else { continue }
      ids[index] = category.id
      classOfCategory[category.id] = index
    }
    let names = Dictionary(uniqueKeysWithValues: categories.map { ($0.id, $0.name) })
    let places = Dictionary(uniqueKeysWithValues: images.enumerated().map { ($1.id, $0) })
    var objects = [[AnnotatedObject]](repeating: [], count: images.count)
    var check = ObjectCheck(strict: options.strict)
    for annotation in file.annotations {
      let object = "annotation \(annotation.id)"
      guard let place = places[annotation.image_id] else {
        throw .orphan(
          path: path, annotation: annotation.id, what: "image", id: annotation.image_id)
      }
      guard let name = names[annotation.category_id] else {
        throw .orphan(
          path: path, annotation: annotation.id, what: "category", id: annotation.category_id)
      }
      guard let category = classOfCategory[annotation.category_id] else {
        throw .unknownClass(path: path, object: object, name: name, known: classes)
      }
      guard annotation.bbox.count == 4 else {
        throw .badBox(
          path: path, object: object, reason: "has a bbox of \(annotation.bbox.count) numbers")
      }
      let (x, y) = (annotation.bbox[0], annotation.bbox[1])
      let box = Box(x1: x, y1: y, x2: x + annotation.bbox[2], y2: y + annotation.bbox[3])
      let image = images[place]
      guard
        let inside = try check.take(
          box, width: image.width, height: image.height, file: path, object: object)
      else { continue }
      objects[place].append(
        AnnotatedObject(
          box: inside, category: category, isCrowd: annotation.iscrowd == 1,
          area: annotation.area ?? annotation.bbox[2] * annotation.bbox[3]))
    }
    var notes = check.notes
    if file.annotations.contains(where: { $0.id == 0 }) {
      notes.append(
        "note: \(path) has an annotation with id 0, which pycocotools takes for no match at all, so its "
          + "figures differ")
    }
    return DetectionDataset(
      form: .coco, classes: classes, categoryIDs: ids,
      images: zip(images, objects).map { image, objects in
        AnnotatedImage(
          path: "\(folder)/\(image.file_name)", name: image.file_name, id: image.id,
          width: image.width, height: image.height, objects: objects)
      }, notes: notes,
      setName: ((path as NSString).lastPathComponent as NSString).deletingPathExtension)
  }

  /// The place of each class; where two have one name, the first's.
  static func indices(of classes: [String]) -> [String: Int] {
    Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The first number that is followed by an equal one.
  private static func firstDouble(_ sorted: [Int]) -> Int? {
    zip(sorted, sorted.dropFirst()).first { $0 == $1 }?.0
  }
}
