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
    self = try JSONFile.decode(COCOFile.self, path: path, what: "a COCO annotation file")
  }
}

extension DetectionDataset {
  /// Reads a COCO annotation file.
  ///
  /// Classes are in the order of their ids; images in the order of theirs.
  /// - Parameters:
  ///   - images: the folder of the image files.
  ///   - dataset: the folder that names of image files with a folder may begin in; nil: none.
  /// - Throws: `DetectionDataError`.
  package static func coco(
    annotations path: String, images folder: String, dataset: String? = nil,
    options: Options = .init()
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
    let (classes, classOfCategory) = classes(of: categories, options)
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
      let box = Box(
        x: annotation.bbox[0], y: annotation.bbox[1], width: annotation.bbox[2],
        height: annotation.bbox[3])
      let image = images[place]
      guard
        let inside = try check.take(
          box, width: image.width, height: image.height, file: path, object: object)
      else { continue }
      objects[place].append(
        AnnotatedObject(
          box: inside, category: category, isCrowd: annotation.iscrowd == 1,
          area: annotation.area ?? box.area))
    }
    var notes = check.notes
    let ids = categoryIDs(
      file, categories, classOfCategory, count: classes.count, path: path, notes: &notes)
    if file.annotations.contains(where: { $0.id == 0 }) {
      notes.append(
        "note: \(path) has an annotation with id 0, which pycocotools takes for no match at all, so its "
          + "figures differ")
    }
    return DetectionDataset(
      form: .coco, classes: classes, categoryIDs: ids,
      images: zip(images, objects).map { image, objects in
        AnnotatedImage(
          path: imagePath(image.file_name, in: folder, or: dataset), name: image.file_name,
          id: image.id,
          width: image.width, height: image.height, objects: objects)
      }, notes: notes,
      setName: ((path as NSString).lastPathComponent as NSString).deletingPathExtension)
  }

  /// The classes, and that of each category by its id.
  private static func classes(
    of categories: [COCOFile.Category], _ options: Options
  ) -> ([String], [Int: Int]) {
    let names = categories.map(\.name)
    guard options.classes != nil || options.mergesNames else {
      return (
        names, Dictionary(uniqueKeysWithValues: categories.enumerated().map { ($1.id, $0) })
      )
    }
    var known: Set<String> = []
    let classes = options.classes ?? names.filter { known.insert($0).inserted }
    let indices = indices(of: classes)
    let places = categories.compactMap { category in
      indices[category.name].map { (category.id, $0) }
    }
    return (classes, Dictionary(uniqueKeysWithValues: places))
  }

  /// The id that results of each class have: of several categories the first that has objects.
  ///
  /// - Parameter notes: takes what is to be said of classes with several.
  private static func categoryIDs(
    _ file: COCOFile, _ categories: [COCOFile.Category], _ classOfCategory: [Int: Int],
    count: Int, path: String, notes: inout [String]
  ) -> [Int?] {
    let used = Set(file.annotations.map(\.category_id))
    let own = Dictionary(
      grouping: categories.filter { classOfCategory[$0.id] != nil },
      by: { classOfCategory[$0.id]! })
    return (0..<count).map { index -> Int? in
      let same = own[index] ?? []
      let id = (same.first { used.contains($0.id) } ?? same.first)?.id
      if let id, same.count > 1 {
        notes.append(
          "note: \(path) has \(same.count) categories named '\(same[0].name)' (ids "
            + same.map { "\($0.id)" }.joined(separator: ", ")
            + "): they are one class, and results have id \(id)")
      }
      return id
    }
  }

  /// Where the file of an image is: its name may begin with the images' folder, or with that in the data set's.
  private static func imagePath(
    _ name: String, in folder: String, or dataset: String?
  ) -> String {
    let path = "\(folder)/\(name)"
    guard let dataset, name.contains("/") else { return path }
    let candidates = [path, "\(dataset)/\(name)", "\(folder)/../\(name)"]
    return candidates.first(where: FileManager.default.fileExists) ?? path
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
