/// A page about one evaluation: its numbers and what the network gets wrong.

import Console

package struct EvaluationPage: Sendable {
  private let title: String
  private let numbers: [(name: String, value: String)]
  private let mistakes: Mistakes

  /// - Parameters:
  ///   - title: which network was tested.
  ///   - numbers: what came of it, with names.
  package init(title: String, numbers: [(name: String, value: String)], mistakes: Mistakes) {
    self.title = title
    self.numbers = numbers
    self.mistakes = mistakes
  }

  package var html: String {
    HTML.page(
      title: title,
      body: """
        <h1>\(HTML.escaped(title))</h1>
        \(HTML.list(numbers))
        \(mistakes.section)
        """)
  }
}
