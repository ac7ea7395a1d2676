/// Images with the boxes of their objects.

import System

/// An object that people marked in an image.
package struct AnnotatedObject: Hashable, Sendable {
  package var box: Box
  /// An index of the data set's classes.
  package var category: Int
  /// Whether it is a group that nobody counted (COCO's `iscrowd`).
  package var isCrowd: Bool
  /// Whether finding it is not asked for (VOC's `difficult`).
  package var isDifficult: Bool
  /// In pixels: of COCO's mask where there is one, else the box's.
  package var area: Double

  package init(
    box: Box, category: Int, isCrowd: Bool = false, isDifficult: Bool = false, area: Double? = nil
  ) {
    self.box = box
    self.category = category
    self.isCrowd = isCrowd
    self.isDifficult = isDifficult
    self.area = area ?? box.area
  }
}

/// An image and its objects; it may have none.
package struct AnnotatedImage: Hashable, Sendable {
  /// Where the file is.
  package var path: String
  /// The file's name in the data set; VOC: without its ending.
  package var name: String
  /// COCO's; VOC: the place in the image set.
  package var id: Int
  /// Of the file, in pixels.
  package var width: Int
  package var height: Int
  package var objects: [AnnotatedObject]

  package init(
    path: String, name: String, id: Int, width: Int, height: Int, objects: [AnnotatedObject]
  ) {
    self.path = path
    self.name = name
    self.id = id
    self.width = width
    self.height = height
    self.objects = objects
  }
}

/// A part of a data set for object detection.
package struct DetectionDataset: Sendable {
  package enum Form: String, Sendable {
    /// One JSON file (Lin et al. 2014, arXiv 1405.0312).
    case coco
    /// An XML file for each image (Everingham et al. 2010).
    case voc
  }

  /// What the images are for.
  package enum Split: String, Sendable {
    case train, validation, test
  }

  package struct Options: Sendable {
    /// Whether a box without area is an error.
    package var strict = false
    /// A name in VOC's `ImageSets/Main`, or a COCO annotation file; nil: the split's usual one.
    package var imageSet: String?
    /// The classes and their order, of another split or of weights; nil: the data say.
    package var classes: [String]?
    /// Whether COCO's categories of one name are one class, as they are where `classes` are given.
    package var mergesNames = false

    package init() {}
  }

  package var form: Form
  package var classes: [String]
  /// Of the annotation file, by class; nil: it lacks the class. VOC: the classes' places.
  package var categoryIDs: [Int?]
  package var images: [AnnotatedImage]
  /// What was found that is not as it should be, a line each.
  package var notes: [String]
  /// The image set's name, as result files have it.
  package var setName: String

  package init(
    form: Form, classes: [String], categoryIDs: [Int?]? = nil, images: [AnnotatedImage],
    notes: [String] = [], setName: String
  ) {
    self.form = form
    self.classes = classes
    self.categoryIDs = categoryIDs ?? Array(classes.indices)
    self.images = images
    self.notes = notes
    self.setName = setName
  }

  /// The first images.
  package func subset(first count: Int) -> DetectionDataset {
    var subset = self
    subset.images = Array(images.prefix(count))
    return subset
  }

  /// Objects of the image that has most.
  package var largestObjectCount: Int { images.map(\.objects.count).max() ?? 0 }

  /// A SHA-256 over names, sizes, classes and boxes, not over pixels.
  package var fingerprint: String {
    var lines = classes
    for image in images {
      lines.append("\(image.name) \(image.width) \(image.height)")
      lines += image.objects.map {
        "\($0.box.x1) \($0.box.y1) \($0.box.x2) \($0.box.y2) \($0.category) \($0.isCrowd) \($0.isDifficult)"
      }
    }
    return SHA256.hexadecimal(of: Array(lines.joined(separator: "\n").utf8))
  }
}
