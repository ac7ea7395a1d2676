/// A data set in the form of Pascal VOC: `Annotations`, `ImageSets/Main` and `JPEGImages`.

import Foundation
import System

extension DetectionDataset {
  /// Reads an image set of a VOC folder.
  ///
  /// Corners in files are pixels counted from 1, both inside the box; here a box begins where its first pixel
  /// does, so 1 is taken off xmin and ymin.
  /// - Throws: `DetectionDataError`.
  package static func voc(
    _ folder: String, imageSet: String, options: Options = .init()
  ) throws(DetectionDataError) -> DetectionDataset {
    let names = try VOCFolder.names(of: imageSet, in: folder)
    let classes: [String]
    if let given = options.classes {
      classes = given
    } else {
      classes = try VOCFolder.classes(of: folder)
    }
    let files = VOCFolder.imageFiles(of: folder)
    let indices = indices(of: classes)
    var check = ObjectCheck(strict: options.strict)
    var images: [AnnotatedImage] = []
    for (index, name) in names.enumerated() {
      let path = VOCFolder.annotationPath(name, in: folder)
      let annotation = try VOCFolder.annotation(at: path)
      guard let width = annotation.width, let height = annotation.height, width > 0, height > 0
      else {
        throw .damaged(path: path, line: nil, reason: "it does not say the image's <size>")
      }
      guard let file = files[name] else {
        throw .noImageFile(path: path, folder: "\(folder)/\(VOCFolder.imagesName)")
      }
      var objects: [AnnotatedObject] = []
      for (number, object) in annotation.objects.enumerated() {
        let place = "object \(number + 1) (\(object.name), line \(object.line))"
        guard let category = indices[object.name] else {
          throw .unknownClass(path: path, object: place, name: object.name, known: classes)
        }
        let corners = object.corners.compactMap(\.self)
        guard corners.count == 4 else {
          throw .badBox(path: path, object: place, reason: "has no whole <bndbox>")
        }
        // A box whose corners are one pixel of the file marks nothing.
        let isEmpty = corners[2] == corners[0] || corners[3] == corners[1]
        let box = Box(
          x1: isEmpty ? corners[0] : corners[0] - 1, y1: isEmpty ? corners[1] : corners[1] - 1,
          x2: corners[2], y2: corners[3])
        guard
          let inside = try check.take(
            box, width: width, height: height, file: path, object: place)
        else { continue }
        objects.append(
          AnnotatedObject(box: inside, category: category, isDifficult: object.isDifficult))
      }
      images.append(
        AnnotatedImage(
          path: file, name: name, id: index, width: width, height: height, objects: objects))
    }
    return DetectionDataset(
      form: .voc, classes: classes, images: images, notes: check.notes, setName: imageSet)
  }
}

/// Where things are in a VOC folder.
enum VOCFolder {
  static let annotationsName = "Annotations"
  static let setsName = "ImageSets/Main"
  static let imagesName = "JPEGImages"

  static func exists(at folder: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(annotationsName)")
      && FileManager.default.fileExists(atPath: "\(folder)/\(setsName)")
  }

  static func setPath(_ imageSet: String, in folder: String) -> String {
    "\(folder)/\(setsName)/\(imageSet).txt"
  }

  static func annotationPath(_ name: String, in folder: String) -> String {
    "\(folder)/\(annotationsName)/\(name).xml"
  }

  /// The images of a set, in its order; classes' files have a last column of -1, 0 or 1, which is left out.
  static func names(
    of imageSet: String, in folder: String
  ) throws(DetectionDataError) -> [String] {
    let path = setPath(imageSet, in: folder)
    let text = String(decoding: try contents(of: path), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map {
      name(inLine: $0.trimmingCharacters(in: .whitespaces), folder)
    }.filter { !$0.isEmpty }
    if names.isEmpty { throw .noImages(path: path) }
    if let name = names.first(where: { $0.contains("/") || $0 == ".." }) {
      throw .damaged(path: path, line: nil, reason: "'\(name)' is not the name of an image")
    }
    return names
  }

  /// The image of a line; names may hold spaces, and end like a column.
  private static func name(inLine line: String, _ folder: String) -> String {
    guard let space = line.lastIndex(where: \.isWhitespace),
      ["-1", "0", "1"].contains(line[line.index(after: space)...]),
      !FileManager.default.fileExists(atPath: annotationPath(line, in: folder))
    else { return line }
    return line[..<space].trimmingCharacters(in: .whitespaces)
  }

  /// Reads a file, whose objects must have names.
  static func annotation(at path: String) throws(DetectionDataError) -> VOCAnnotation {
    let annotation = try VOCAnnotation(xml: try contents(of: path), path: path)
    if let place = annotation.objects.firstIndex(where: \.name.isEmpty) {
      throw .badBox(
        path: path, object: "object \(place + 1) (line \(annotation.objects[place].line))",
        reason: "has no <name>")
    }
    return annotation
  }

  /// The classes of all annotations, sorted by name, so that image sets agree.
  static func classes(of folder: String) throws(DetectionDataError) -> [String] {
    var classes: Set<String> = []
    for name in try listing(of: "\(folder)/\(annotationsName)") where name.hasSuffix(".xml") {
      let path = "\(folder)/\(annotationsName)/\(name)"
      classes.formUnion(try annotation(at: path).objects.map(\.name))
    }
    return classes.sorted()
  }

  /// The image files by their names without endings.
  static func imageFiles(of folder: String) -> [String: String] {
    let names = (try? listing(of: "\(folder)/\(imagesName)")) ?? []
    var files: [String: String] = [:]
    for name in names where [".jpg", ".jpeg", ".png"].contains(where: name.lowercased().hasSuffix) {
      files[(name as NSString).deletingPathExtension] = "\(folder)/\(imagesName)/\(name)"
    }
    return files
  }

  private static func listing(of folder: String) throws(DetectionDataError) -> [String] {
    do throws(FileError) { return try DirectoryListing.names(in: folder) } catch {
      throw .unreadable(path: folder, reason: "\(error)")
    }
  }
}

/// A file's bytes.
func contents(of path: String) throws(DetectionDataError) -> Data {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
    throw .unreadable(path: path, reason: "there is no such file")
  }
  guard !isFolder.boolValue, let data = FileManager.default.contents(atPath: path) else {
    throw .unreadable(path: path, reason: "it is not a file that can be read")
  }
  return data
}
