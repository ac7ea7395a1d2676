/// Pascal VOC's average precision (Everingham et al. 2010), as py-faster-rcnn and detectron2 compute it.

import DetectionData

/// A class's detections are taken best first over all images. A detection is right where it overlaps the object of
/// its class that it overlaps most by more than a threshold, and no better one has found that object; on a
/// difficult object it counts neither way.
package struct VOCEvaluation: Sendable {
  /// What a class comes to.
  package struct ClassResult: Sendable {
    /// The mean of the highest precisions at eleven recalls, as in VOC 2007.
    package let elevenPoints: Double
    /// The area under the precisions' envelope, as from VOC 2010 on.
    package let area: Double
    package let curve: PrecisionRecall
  }

  package let classes: [String]
  /// By class; nil: there is no object to find.
  package let results: [ClassResult?]
  /// Above which a detection is right.
  package let overlap: Double

  package init(
    _ dataset: DetectionDataset, _ detections: [Detection], overlap: Double = 0.5
  ) {
    classes = dataset.classes
    self.overlap = overlap
    results = dataset.classes.indices.map { category in
      Self.result(
        dataset.images.map { $0.objects.filter { $0.category == category } },
        detections.filter { $0.category == category }, overlap)
    }
  }

  /// - Parameter objects: of the class, by image.
  private static func result(
    _ objects: [[AnnotatedObject]], _ detections: [Detection], _ overlap: Double
  ) -> ClassResult? {
    let count = objects.reduce(0) { $0 + $1.count { !$0.isDifficult } }
    if count == 0 { return nil }
    let order = detections.enumerated().sorted {
      $0.element.score != $1.element.score
        ? $0.element.score > $1.element.score : $0.offset < $1.offset
    }.map(\.element)
    var isFound = objects.map { [Bool](repeating: false, count: $0.count) }
    var (right, wrong) = (0.0, 0.0)
    var (recall, precision, score): ([Double], [Double], [Double]) = ([], [], [])
    for detection in order {
      let own = objects[detection.image]
      var best: (overlap: Double, object: Int)?
      for (index, object) in own.enumerated() {
        let overlap = detection.box.overlap(object.box)
        if overlap > best?.overlap ?? -1 { best = (overlap, index) }
      }
      if let best, best.overlap > overlap {
        if !own[best.object].isDifficult {
          if isFound[detection.image][best.object] { wrong += 1 } else { right += 1 }
          isFound[detection.image][best.object] = true
        }
      } else {
        wrong += 1
      }
      recall.append(right / Double(count))
      precision.append(right / max(right + wrong, Double.ulpOfOne))
      score.append(detection.score)
    }
    let curve = PrecisionRecall(recall: recall, precision: precision, score: score)
    return ClassResult(
      elevenPoints: elevenPoints(curve), area: area(curve), curve: curve)
  }

  private static func elevenPoints(_ curve: PrecisionRecall) -> Double {
    let envelope = curve.envelope
    return (0...10).reduce(0) { sum, step in
      let place = curve.recall.firstIndex { $0 >= Double(step) * 0.1 }
      return sum + (place.map { envelope[$0] } ?? 0) / 11
    }
  }

  private static func area(_ curve: PrecisionRecall) -> Double {
    var (area, before) = (0.0, 0.0)
    for (recall, precision) in zip(curve.recall, curve.envelope) {
      area += (recall - before) * precision
      before = recall
    }
    return area
  }

  private func mean(_ value: (ClassResult) -> Double) -> Double {
    let values = results.compactMap(\.self).map(value)
    return values.isEmpty ? -1 : values.reduce(0, +) / Double(values.count)
  }

  /// The mean over classes that have objects; −1 without any.
  package var meanElevenPoints: Double { mean(\.elevenPoints) }
  /// Likewise.
  package var meanArea: Double { mean(\.area) }
}
