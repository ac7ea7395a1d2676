/// COCO's average precision and recall, as pycocotools 2.0 computes them (Lin et al. 2014, arXiv 1405.0312).

import DetectionData

/// The twelve numbers, and what they are made of.
///
/// An image's detections of a class are tried best first, 100 at most, each against the objects of that
/// class: it takes the one that it overlaps most, from a threshold on, of those that no better one has
/// taken. Crowds and objects of other sizes are tried last, and what they match counts neither way.
package struct COCOEvaluation: Sendable {
  /// Sizes of objects by area in pixels.
  package enum Size: Int, CaseIterable, Sendable {
    case all, small, medium, large

    fileprivate var areas: ClosedRange<Double> {
      switch self {
      case .all: 0...1e10
      case .small: 0...1024
      case .medium: 1024...9216
      case .large: 9216...1e10
      }
    }
  }

  /// Overlaps from which on a detection is right.
  package static let overlaps = (0..<10).map { 0.5 + Double($0) * ((0.95 - 0.5) / 9) }
  private static let recalls = (0...100).map { $0 == 100 ? 1 : Double($0) * 0.01 }
  /// Detections of an image and a class that count.
  private static let limits = [1, 10, 100]

  package let classes: [String]
  /// Of each class, size and limit; nil where there are no objects of that class and size.
  private let results: [[[Accumulated?]]]
  /// Of each class at an overlap of 0.5, all sizes.
  package let curves: [PrecisionRecall]

  /// What a class comes to.
  private struct Accumulated: Sendable {
    /// [overlaps, recalls].
    var precision: [[Double]]
    /// By overlap.
    var recall: [Double]
  }

  package init(_ dataset: DetectionDataset, _ detections: [Detection]) {
    classes = dataset.classes
    // By class and image.
    var found = [[[Detection]]](
      repeating: [[Detection]](repeating: [], count: dataset.images.count),
      count: classes.count)
    for detection in detections { found[detection.category][detection.image].append(detection) }
    var results: [[[Accumulated?]]] = []
    var curves: [PrecisionRecall] = []
    for category in classes.indices {
      let images = dataset.images.indices.map { index in
        ImageMatches(
          dataset.images[index].objects.filter { $0.category == category },
          found[category][index], limit: Self.limits.last!)
      }
      let bySize = Size.allCases.map { size in images.map { $0.matched(size.areas) } }
      results.append(
        bySize.map { matched in Self.limits.map { Self.accumulate(matched, limit: $0) } })
      curves.append(Self.curve(bySize[Size.all.rawValue], overlap: 0))
    }
    self.results = results
    self.curves = curves
  }

  // MARK: Matching

  /// The detections and objects of one class in one image.
  private struct ImageMatches {
    private let objects: [AnnotatedObject]
    private let detections: [Detection]
    /// [detections, objects].
    private let overlaps: [[Double]]

    init(_ objects: [AnnotatedObject], _ detections: [Detection], limit: Int) {
      let detections = Array(
        detections.enumerated().sorted {
          $0.element.score != $1.element.score
            ? $0.element.score > $1.element.score : $0.offset < $1.offset
        }.map(\.element).prefix(limit))
      (self.objects, self.detections) = (objects, detections)
      overlaps = detections.map { detection in
        objects.map { Self.overlap(detection.box, $0.box, isCrowd: $0.isCrowd) }
      }
    }

    /// Intersection over union, or over the detection's area where the object is a crowd.
    ///
    /// To the last bit as pycocotools computes it from corners, widths and heights, so that both agree where it
    /// equals a threshold.
    private static func overlap(_ detection: Box, _ object: Box, isCrowd: Bool) -> Double {
      let width =
        min(detection.x1 + detection.width, object.x1 + object.width) - max(detection.x1, object.x1)
      let height =
        min(detection.y1 + detection.height, object.y1 + object.height)
        - max(detection.y1, object.y1)
      if width <= 0 || height <= 0 { return 0 }
      let common = width * height
      return common / (isCrowd ? detection.area : detection.area + object.area - common)
    }

    /// What becomes of the detections where only objects of some areas count.
    func matched(_ areas: ClosedRange<Double>) -> Matched {
      let isIgnored = objects.map { $0.isCrowd || !areas.contains($0.area) }
      // Those that count are tried first.
      let order =
        objects.indices.filter { !isIgnored[$0] } + objects.indices.filter { isIgnored[$0] }
      var isRight: [[Bool]] = []
      var isOut: [[Bool]] = []
      for threshold in COCOEvaluation.overlaps {
        var taken = [Bool](repeating: false, count: objects.count)
        var right = [Bool](repeating: false, count: detections.count)
        var out = right
        for detection in detections.indices {
          var best = min(threshold, 1 - 1e-10)
          var match: Int?
          for object in order {
            if taken[object], !objects[object].isCrowd { continue }
            if let match, !isIgnored[match], isIgnored[object] { break }
            if overlaps[detection][object] < best { continue }
            best = overlaps[detection][object]
            match = object
          }
          if let match {
            taken[match] = true
            right[detection] = true
            out[detection] = isIgnored[match]
          } else {
            out[detection] = !areas.contains(detections[detection].box.area)
          }
        }
        isRight.append(right)
        isOut.append(out)
      }
      return Matched(
        scores: detections.map(\.score), isRight: isRight, isOut: isOut,
        objects: isIgnored.count { !$0 })
    }
  }

  /// An image's detections, best first.
  private struct Matched {
    let scores: [Double]
    /// [overlaps, detections]: whether it matches an object.
    let isRight: [[Bool]]
    /// [overlaps, detections]: whether it counts neither way.
    let isOut: [[Bool]]
    /// Objects that count.
    let objects: Int
  }

  // MARK: Accumulation

  /// The detections of all images, best first; of equal ones the earlier image's first.
  private static func ordered(
    _ images: [Matched], limit: Int
  ) -> [(image: Int, detection: Int, score: Double)] {
    let all = images.enumerated().flatMap { image, matched in
      matched.scores.prefix(limit).enumerated().map { (image: image, detection: $0, score: $1) }
    }
    return all.enumerated().sorted {
      $0.element.score != $1.element.score
        ? $0.element.score > $1.element.score : $0.offset < $1.offset
    }.map(\.element)
  }

  /// Precision and recall after each detection at one overlap.
  private static func points(
    _ images: [Matched], _ order: [(image: Int, detection: Int, score: Double)], overlap: Int,
    objects: Int
  ) -> (precision: [Double], recall: [Double]) {
    var (right, wrong) = (0.0, 0.0)
    var (precision, recall): ([Double], [Double]) = ([], [])
    for place in order {
      let image = images[place.image]
      if !image.isOut[overlap][place.detection] {
        if image.isRight[overlap][place.detection] { right += 1 } else { wrong += 1 }
      }
      recall.append(right / Double(objects))
      precision.append(right / (wrong + right + Double.ulpOfOne))
    }
    return (precision, recall)
  }

  private static func accumulate(_ images: [Matched], limit: Int) -> Accumulated? {
    let objects = images.reduce(0) { $0 + $1.objects }
    if objects == 0 { return nil }
    let order = ordered(images, limit: limit)
    var result = Accumulated(precision: [], recall: [])
    for overlap in overlaps.indices {
      let (precision, recall) = points(images, order, overlap: overlap, objects: objects)
      let envelope = PrecisionRecall(recall: recall, precision: precision, score: []).envelope
      var place = 0
      result.precision.append(
        recalls.map { least in
          while place < recall.count, recall[place] < least { place += 1 }
          return place < recall.count ? envelope[place] : 0
        })
      result.recall.append(recall.last ?? 0)
    }
    return result
  }

  private static func curve(_ images: [Matched], overlap: Int) -> PrecisionRecall {
    let objects = images.reduce(0) { $0 + $1.objects }
    if objects == 0 { return PrecisionRecall(recall: [], precision: [], score: []) }
    let order = ordered(images, limit: limits.last!).filter {
      !images[$0.image].isOut[overlap][$0.detection]
    }
    let (precision, recall) = points(images, order, overlap: overlap, objects: objects)
    return PrecisionRecall(recall: recall, precision: precision, score: order.map(\.score))
  }

  // MARK: Results

  private func results(_ size: Size, limit: Int) -> [Accumulated] {
    let place = Self.limits.firstIndex(of: limit)!
    return results.compactMap { $0[size.rawValue][place] }
  }

  /// The mean of all; −1 where there is nothing.
  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? -1 : values.reduce(0, +) / Double(values.count)
  }

  private func precision(_ size: Size = .all, overlap: Int? = nil) -> Double {
    Self.mean(
      results(size, limit: 100).flatMap { result in
        overlap.map { result.precision[$0] } ?? result.precision.flatMap(\.self)
      })
  }

  private func recall(_ size: Size = .all, limit: Int = 100) -> Double {
    Self.mean(results(size, limit: limit).flatMap(\.recall))
  }

  /// COCO's twelve numbers; −1 where there are no objects.
  package var summary: [(name: String, value: Double)] {
    [
      ("AP", precision()), ("AP50", precision(overlap: 0)), ("AP75", precision(overlap: 5)),
      ("APs", precision(.small)), ("APm", precision(.medium)), ("APl", precision(.large)),
      ("AR1", recall(limit: 1)), ("AR10", recall(limit: 10)), ("AR100", recall()),
      ("ARs", recall(.small)), ("ARm", recall(.medium)), ("ARl", recall(.large)),
    ]
  }

  /// A class's AP, and that at an overlap of 0.5; nil without objects.
  package func precision(ofClass category: Int) -> (ap: Double, ap50: Double)? {
    results[category][Size.all.rawValue][2].map { result in
      (Self.mean(result.precision.flatMap(\.self)), Self.mean(result.precision[0]))
    }
  }
}
