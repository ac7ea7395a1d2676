/// What an evaluation found, for people and for scripts.

import Console
import Distributed
import Foundation
import Reports
import System
import Tensors

/// The result of one `resnet-dist eval`.
package struct EvaluationResult {
  /// The networks whose scores were averaged.
  let models: [String]
  /// Their residual shortcuts; nil of networks without.
  let shortcuts: [String?]
  /// Their digests.
  let digests: [String]
  /// How often each network saw each image.
  let views: Int
  let totals: EpochTotals
  /// Classes that the networks tell apart.
  let classes: Int
  let data: String
  /// What becomes of the images for each network, in a few words.
  let testImages: [String]
  let seconds: Double
  /// Nil where they were not requested.
  package let predictions: TestPredictions?

  /// The networks' names, joined by `+`.
  var model: String { models.joined(separator: "+") }

  /// Of one network its digest; of several the SHA-256 of their digests' text, joined by `+`.
  var parametersSHA256: String {
    if digests.count == 1 { return digests[0] }
    let text = digests.joined(separator: "+")
    return SHA256.hexadecimal(of: text.utf8)
  }

  /// `{"model","samples","top1","top5","loss","parameters_sha256","networks","views","shortcut"}`; top1 and
  /// top5 are fractions right, loss is the mean cross-entropy of the averaged scores. The shortcut is left
  /// out of several networks, and of one that has none.
  package var json: String {
    let images = Double(totals.images)
    return JSON.object([
      "model": .string(model), "samples": .integer(totals.images),
      "top1": .number(Double(totals.top1) / images),
      "top5": .number(Double(totals.top5) / images), "loss": .number(totals.meanLoss),
      "parameters_sha256": .string(parametersSHA256), "networks": .integer(models.count),
      "views": .integer(views),
      "shortcut": shortcuts.count == 1 ? shortcuts[0].map(JSON.string) : nil,
    ]).description
  }

  package var text: String {
    var table = SummaryTable()
    for (name, value) in numbers(withSpeed: true) { table.add(name, value) }
    return String(table.description.dropLast())
  }

  /// A page with the numbers, the confusions and the most confident mistakes, whose pictures are read
  /// from the test images.
  ///
  /// - Precondition: predictions were requested.
  /// - Throws: `DatasetError`.
  package func page() throws -> String {
    guard let predictions else { preconditionFailure("a page is about predictions") }
    return EvaluationPage(
      title: "Test of \(models.joined(separator: " + "))", numbers: numbers(withSpeed: false),
      mistakes: try predictions.mistakes()
    ).html
  }

  /// - Parameter withSpeed: the one number that another evaluation of the same would not have.
  private func numbers(withSpeed: Bool) -> [(name: String, value: String)] {
    var numbers = [
      (name: models.count == 1 ? "network" : "networks", value: models.joined(separator: " + ")),
      ("images", data),
      (
        "test images",
        Set(testImages).count == 1 ? testImages[0] : testImages.joined(separator: " + ")
      ),
    ]
    if views > 1 { numbers.append(("views", "\(views) of each image, softmax scores averaged")) }
    numbers.append(
      (
        "top-1 error",
        "\(NumberFormat.percent(totals.top1Error, decimals: 2)), \(totals.top1.grouped) of "
          + "\(totals.images.grouped) right"
      ))
    // Of five classes all are among the first five.
    if classes > 5 {
      numbers.append(("top-5 error", NumberFormat.percent(totals.top5Error, decimals: 2)))
    }
    numbers.append(("loss", NumberFormat.decimal(totals.meanLoss, decimals: 5)))
    if withSpeed {
      let rate = NumberFormat.rate(Double(totals.images) / seconds)
      numbers.append(("speed", "\(rate) images/s"))
    }
    numbers.append(("sha256", parametersSHA256))
    return numbers
  }
}
