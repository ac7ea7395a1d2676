/// `data check`: every image of a data set is read once, before a long run meets it.

import Console
import Datasets
import Foundation
import Settings
import System
import Tensors

/// What a data set's images are, and what is wrong with them.
package struct DataCheck {
  /// One of its splits.
  private struct Split {
    let name: String
    let source: any ImageSource
    let scan: ImageScan
    /// Images of another size than the others, where training takes images as they are.
    let otherSizes: [OtherSizedImage]
    /// Images of each class.
    let counts: [Int]

    /// A number of its images, in words.
    func images(_ count: Int) -> String {
      "\(count.grouped) \(name) image\(count == 1 ? "" : "s")"
    }
  }

  private let splits: [Split]
  private let classNames: [String]
  /// Test images that are training images, too: a name of each.
  private let shared: [(test: String, training: String)]
  /// Training images that are there more than once.
  private let repeated: Int

  /// The most items that a finding names.
  private static let named = 10

  /// Reads all images.
  ///
  /// - Throws: what opening the images throws, where they are no data set.
  package init(_ configuration: TrainingConfiguration, console: any Console) throws {
    let data = try TrainingData(configuration)
    classNames = data.train.classNames
    splits = try [("training", data.train), ("test", data.test)].map { name, source in
      let bar = ProgressBar(console: console)
      bar.begin("\(name) images", total: source.count)
      defer { bar.finish() }
      let scan = try ImageScan(source, workers: configuration.parallel.workers) {
        bar.update(completed: $0, images: $0)
      }
      var counts = [Int](repeating: 0, count: source.classCount)
      for index in 0..<source.count { counts[source.label(at: index)] += 1 }
      return Split(
        name: name, source: source, scan: scan,
        otherSizes: configuration.data.keepsSize(of: source.imageShape) ? scan.otherSizes : [],
        counts: counts)
    }
    var first: [String: Int] = [:]
    var repeated = 0
    for (index, digest) in splits[0].scan.digests.enumerated() {
      guard let digest else { continue }
      if first[digest] == nil { first[digest] = index } else { repeated += 1 }
    }
    self.repeated = repeated
    let (train, test) = (splits[0], splits[1])
    shared = test.scan.digests.enumerated().compactMap { index, digest in
      digest.flatMap { first[$0] }.map {
        (test.source.imageName(at: index), train.source.imageName(at: $0))
      }
    }
  }

  /// Images that training stumbles over: those that cannot be decoded, are larger than what is, or have
  /// another size than the others.
  package var unusableImages: Int {
    splits.reduce(0) {
      $0 + $1.scan.bad.count + $1.scan.oversized.count(where: \.isRefused) + $1.otherSizes.count
    }
  }

  /// Something worth knowing before a run.
  package struct Finding: Sendable {
    package let text: String
    /// Whether training stumbles over it.
    package let isUnusable: Bool

    fileprivate init(_ text: String, isUnusable: Bool = false) {
      (self.text, self.isUnusable) = (text, isUnusable)
    }
  }

  /// The worst first; empty: nothing.
  package var findings: [Finding] {
    var findings: [Finding] = []
    for split in splits where !split.scan.bad.isEmpty {
      findings.append(
        Self.list(
          isUnusable: true,
          "\(split.images(split.scan.bad.count)) cannot be decoded: repair or remove them"
            + (split.name == "training" ? ", or train with --on-bad-image skip" : ""),
          split.scan.bad.map(\.reason)))
    }
    for split in splits where !split.otherSizes.isEmpty {
      findings.append(
        Self.list(
          isUnusable: true,
          "\(split.images(split.otherSizes.count)) of another size than the others, "
            + "\(split.source.imageShape.map(Self.size) ?? ""): train with --image-size to have images "
            + "of all sizes resized",
          split.otherSizes.map {
            "\(split.source.imageName(at: $0.index)): \(Self.size($0.shape))"
          }))
    }
    for split in splits where !split.scan.oversized.isEmpty {
      let refused = split.scan.oversized.count(where: \.isRefused)
      findings.append(
        Self.list(
          isUnusable: refused > 0,
          "\(split.images(split.scan.oversized.count)) oversized, above "
            + "\(ImageDecoding.largePixels.grouped) pixels: smaller copies load faster and in less memory"
            + (refused > 0
              ? "; above --max-image-pixels, which ends a run: \(refused.grouped)" : ""),
          split.scan.oversized.map {
            "\(split.source.imageName(at: $0.index)): \(Self.size($0.shape))"
              + ($0.isRefused ? ", refused" : "")
          }))
    }
    if !shared.isEmpty {
      findings.append(
        Self.list(
          "\(splits[1].images(shared.count)) of \(splits[1].source.count.grouped) among the training images, "
            + "too: a test on them says little",
          shared.map { "\($0.test) = \($0.training)" }))
    }
    if repeated > 0 {
      findings.append(
        Finding("\(splits[0].images(repeated)) more than once in the data set"))
    }
    for split in splits {
      let empty = classNames.indices.filter { split.counts[$0] == 0 }
      if !empty.isEmpty {
        findings.append(
          Self.list("classes without a \(split.name) image", empty.map { classNames[$0] }))
      }
      if split.source.ignoredFiles > 0 {
        findings.append(
          Finding(
            "\(split.source.ignoredFiles.grouped) ignored beside the \(split.name) images: files that are no "
              + "JPEG or PNG by their names"))
      }
    }
    if classNames.count == 1 {
      findings.append(Finding("there is one class, \(classNames[0]): nothing to tell apart"))
    }
    let counts = splits[0].counts.filter { $0 > 0 }
    if let low = counts.min(), let high = counts.max(), high >= 10 * low {
      findings.append(
        Finding(
          "classes have from \(low.grouped) to \(high.grouped) training images: an error over all images "
            + "is mostly that of the large classes"))
    }
    return findings
  }

  private static func list(
    isUnusable: Bool = false, _ text: String, _ items: [String]
  ) -> Finding {
    let rest = items.count - named
    let lines =
      [text + ":"] + items.prefix(named).map { "  " + $0 }
      + (rest > 0 ? ["  and \(rest.grouped) more"] : [])
    return Finding(lines.joined(separator: "\n"), isUnusable: isUnusable)
  }

  package var text: String {
    var table = SummaryTable()
    for split in splits {
      table.add(split.name, split.source.name)
      if let heights = split.scan.heights, let widths = split.scan.widths {
        table.add(
          "  size",
          "height \(Self.text(heights)), width \(Self.text(widths)) pixels")
      }
    }
    table.add(
      "classes",
      classNames.count <= 20
        ? zip(classNames, splits[0].counts).map { "\($0) \($1.grouped)" }.joined(separator: ", ")
        : "\(classNames.count.grouped), with "
          + Self.text(splits[0].counts.min()!...splits[0].counts.max()!) + " training images")
    let findings = findings
    return table.description
      + (findings.isEmpty
        ? "nothing is wrong with them" : findings.map(\.text).joined(separator: "\n"))
  }

  private static func size(_ shape: ImageShape) -> String {
    "\(shape.height.grouped)×\(shape.width.grouped) pixels"
  }

  private static func text(_ range: ClosedRange<Int>) -> String {
    range.count == 1
      ? range.lowerBound.grouped : "\(range.lowerBound.grouped) to \(range.upperBound.grouped)"
  }

  /// `{"train":{"images","bad":[{"image","reason"}],"oversized":[{"image","height","width","refused"}],
  /// "other_sizes":[{"image","height","width"}]},"test":{…},"classes":{name: training images},
  /// "test_images_in_training","repeated_training_images","findings":[…]}`.
  package var json: String {
    func object(_ split: Split) -> JSON {
      .object([
        "images": .integer(split.source.count),
        "ignored_files": .integer(split.source.ignoredFiles),
        "bad": .array(
          split.scan.bad.map {
            .object([
              "image": .string(split.source.imageName(at: $0.index)), "reason": .string($0.reason),
            ])
          }),
        "oversized": .array(
          split.scan.oversized.map {
            .object([
              "image": .string(split.source.imageName(at: $0.index)),
              "height": .integer($0.shape.height), "width": .integer($0.shape.width),
              "refused": .boolean($0.isRefused),
            ])
          }),
        "other_sizes": .array(
          split.otherSizes.map {
            .object([
              "image": .string(split.source.imageName(at: $0.index)),
              "height": .integer($0.shape.height), "width": .integer($0.shape.width),
            ])
          }),
      ])
    }
    return JSON.object([
      "train": object(splits[0]), "test": object(splits[1]),
      "classes": .array(
        zip(classNames, splits[0].counts).map {
          .object(["class": .string($0), "training_images": .integer($1)])
        }),
      "test_images_in_training": .integer(shared.count),
      "repeated_training_images": .integer(repeated),
      "findings": .array(findings.map { .string($0.text) }),
    ]).description
  }
}
