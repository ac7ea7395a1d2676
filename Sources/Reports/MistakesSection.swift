/// The part of a page that shows what a network gets wrong.

import Console
import Foundation
import Tensors

extension Mistakes {
  /// Headings, the confusions and the mistakes with their images.
  package var section: String {
    let state = right == images ? ": none" : ""
    var parts = ["<h2>Confusions of the test images\(state)</h2>"]
    if let confusion, classes.count <= ConfusionMatrix.mostClasses {
      parts.append(ConfusionMatrix(classes: classes, counts: confusion).html)
    } else if !confusions.isEmpty {
      parts.append(frequentConfusions)
    }
    if !mistakes.isEmpty {
      parts.append("<h2>The most confident mistakes</h2>")
      parts.append(
        "<div class=\"mistakes\">\n" + mistakes.map(\.figure).joined(separator: "\n") + "\n</div>")
    }
    return parts.joined(separator: "\n")
  }

  private var frequentConfusions: String {
    "<p class=\"note\">The most frequent of \((images - right).grouped) mistakes.</p>\n"
      + HTML.table(
        ["class", "predicted", "images", "of the class"],
        confusions.map { confusion in
          [
            confusion.class, confusion.predicted, confusion.count.grouped,
            NumberFormat.percent(
              Double(confusion.count) / Double(max(confusion.classImages, 1)), decimals: 1),
          ]
        })
  }
}

extension Mistakes.Mistake {
  fileprivate var figure: String {
    let name = HTML.escaped(image)
    // The sign stays with its number.
    let percent = NumberFormat.percent(probability, decimals: 1).replacing(" ", with: "\u{A0}")
    let text = "is \(`class`), seen as \(predicted), \(percent)"
    return """
      <figure><img src="data:image/png;base64,\(png.base64EncodedString())" alt="\(name)" title="\(name)">\
      <figcaption>\(HTML.escaped(text))</figcaption></figure>
      """
  }
}
