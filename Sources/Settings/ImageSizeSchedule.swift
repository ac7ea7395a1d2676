/// Training with growing images: the sides of the network's input and when each begins.

import Foundation

/// A side of the network's input, from a milestone of the run on.
package struct ImageSizePhase: Hashable, Sendable {
  /// In pixels.
  package var side: Int
  package var start: Milestone

  package init(side: Int, start: Milestone) { (self.side, self.start) = (side, start) }
}

extension ValueFormat where Value == [ImageSizePhase] {
  /// Sides that grow, the first from the beginning on.
  static var imageSizes: Self {
    .init(
      "sides that grow and when each begins, in the unit of the run's length or as a part of it, "
        + "such as 128,160@35%,192@70%", valueName: "list"
    ) { text in
      if text == "none" { return [] }
      var phases: [ImageSizePhase] = []
      for word in NumberText.words(text) {
        let parts = word.split(separator: "@", omittingEmptySubsequences: false)
        guard let side = Int(parts[0]), DataSettings.sides.contains(side),
          side > phases.last?.side ?? 0, parts.count == (phases.isEmpty ? 1 : 2),
          let start = parts.count == 1 ? .fraction(0) : Milestone(String(parts[1]))
        else { return nil }
        phases.append(ImageSizePhase(side: side, start: start))
      }
      return phases.isEmpty ? nil : phases
    } text: { phases in
      phases.isEmpty
        ? "none"
        : phases.enumerated().map { index, phase in
          index == 0 ? "\(phase.side)" : "\(phase.side)@\(phase.start.text)"
        }.joined(separator: ",")
    }
  }
}
