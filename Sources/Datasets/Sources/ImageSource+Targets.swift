/// The targets that a source can give: its own, and its labels as distributions over the classes.

import Tensors

extension ImageSource {
  /// Whether `writeAnyTarget` can write targets of `layout`.
  public func provides(_ layout: TargetLayout) -> Bool {
    targetLayouts.contains(layout) || isDistribution(layout)
  }

  /// Writes a target of the source's own, or its label as a distribution with one class.
  ///
  /// - Precondition: the source provides the layout.
  func writeAnyTarget(of index: Int, to target: inout TargetSpace) {
    if targetLayouts.contains(target.layout) {
      writeTarget(of: index, to: &target)
    } else {
      let label = label(at: index)
      target.write(labels: (label, label), weight: 1, smoothing: 0, classes: classCount)
    }
  }

  private func isDistribution(_ layout: TargetLayout) -> Bool {
    layout == .classProbabilities(classCount) && targetLayouts.contains(.label)
  }

  /// Checks that images have all of some targets.
  ///
  /// - Throws: `MissingTarget`.
  public func check(targets: [TargetLayout]) throws(MissingTarget) {
    for target in targets where !provides(target) {
      throw MissingTarget(source: name, missing: target, known: targetLayouts)
    }
  }
}
