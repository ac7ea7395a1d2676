/// How many objects proposals cover (Hosang et al. 2015, arXiv 1502.05082), counted as py-faster-rcnn does.

import DetectionData

/// Each object takes one proposal: of all pairs of an image the one that overlaps most, then of those that are left, and
/// so on. Crowds and difficult objects need not be found.
package struct ProposalRecall: Sendable {
  /// What each object's proposal overlaps it by, of all images; 0 where there was none left.
  private let overlaps: [Double]

  /// - Parameter proposals: of all images; neither classes nor scores matter.
  package init(_ dataset: DetectionDataset, _ proposals: [Detection]) {
    var found = [[Box]](repeating: [], count: dataset.images.count)
    for proposal in proposals { found[proposal.image].append(proposal.box) }
    overlaps = zip(dataset.images, found).flatMap { image, boxes in
      Self.overlaps(
        of: image.objects.filter { !$0.isCrowd && !$0.isDifficult }.map(\.box), boxes)
    }
  }

  private static func overlaps(of objects: [Box], _ boxes: [Box]) -> [Double] {
    var table = objects.map { object in boxes.map { $0.overlap(object) } }
    var result: [Double] = []
    while !table.isEmpty {
      var best = (object: 0, box: 0, overlap: -1.0)
      for (object, row) in table.enumerated() {
        for (box, overlap) in row.enumerated() where overlap > best.overlap {
          best = (object, box, overlap)
        }
      }
      // Fewer boxes than objects.
      if best.overlap < 0 { break }
      result.append(best.overlap)
      table.remove(at: best.object)
      for object in table.indices { table[object].remove(at: best.box) }
    }
    return result + [Double](repeating: 0, count: table.count)
  }

  /// Objects that there are to find.
  package var objects: Int { overlaps.count }

  /// The part of the objects whose proposal overlaps them by at least `overlap`; -1: there are no objects.
  package func recall(at overlap: Double) -> Double {
    if overlaps.isEmpty { return -1 }
    return Double(overlaps.count { $0 >= overlap }) / Double(overlaps.count)
  }

  /// The mean of the recalls at COCO's overlaps, from 0.5 to 0.95.
  package var mean: Double {
    if overlaps.isEmpty { return -1 }
    let thresholds = COCOEvaluation.overlaps
    return thresholds.map(recall).reduce(0, +) / Double(thresholds.count)
  }
}
