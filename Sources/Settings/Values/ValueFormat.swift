/// How the values of a type are written on the command line and in files, and which are accepted.

import Foundation

/// What a shell offers for a value that is being typed.
package enum ValueCompletion: Equatable, Sendable {
  case none
  case words([String])
  /// Files, and folders on the way to them.
  case file
  case folder
}

package struct ValueFormat<Value: Sendable>: Sendable {
  /// What a value must be, for the message about one that is not.
  let expected: String
  /// What the help calls a value; nil: it is a flag.
  let valueName: String?
  /// What a shell offers for it.
  let completion: ValueCompletion
  /// Nil when the text is not acceptable.
  let parse: @Sendable (String) -> Value?
  /// Nil: not set.
  let text: @Sendable (Value) -> String?

  init(
    _ expected: String, valueName: String? = "value", completion: ValueCompletion = .none,
    parse: @escaping @Sendable (String) -> Value?, text: @escaping @Sendable (Value) -> String?
  ) {
    (self.expected, self.valueName, self.completion) = (expected, valueName, completion)
    (self.parse, self.text) = (parse, text)
  }

  /// The same values, or none.
  var optional: ValueFormat<Value?> {
    .init(expected, valueName: valueName, completion: completion) {
      parse($0).map(Optional.some)
    } text: {
      $0.flatMap(text)
    }
  }
}

extension ValueFormat where Value == String {
  /// Any text but the empty one.
  static func text(
    _ expected: String, _ valueName: String, completion: ValueCompletion = .none
  ) -> Self {
    .init(expected, valueName: valueName, completion: completion) {
      $0.isEmpty ? nil : $0
    } text: {
      $0
    }
  }
}

extension ValueFormat where Value == Bool {
  static var flag: Self {
    .init("true or false", valueName: nil) {
      Bool($0.lowercased())
    } text: {
      String($0)
    }
  }
}

extension ValueFormat where Value: FixedWidthInteger {
  static func integer(_ range: ClosedRange<Value>) -> Self {
    .init("a whole number from \(range.lowerBound) to \(range.upperBound)", valueName: "N") {
      Value($0).flatMap { range.contains($0) ? $0 : nil }
    } text: {
      String($0)
    }
  }

  static func integer(_ range: PartialRangeFrom<Value>) -> Self {
    .init("a whole number from \(range.lowerBound) on", valueName: "N") {
      Value($0).flatMap { range.contains($0) ? $0 : nil }
    } text: {
      String($0)
    }
  }
}

extension ValueFormat where Value == Double {
  /// Finite numbers that `accept` takes.
  static func real(_ expected: String, accept: @escaping @Sendable (Double) -> Bool) -> Self {
    .init(expected, valueName: "x") { text in
      guard let value = Double(text), value.isFinite, accept(value) else { return nil }
      return value
    } text: {
      NumberText.shortest($0)
    }
  }

  static func real(_ range: ClosedRange<Double>) -> Self {
    real(
      "a number from \(NumberText.shortest(range.lowerBound)) to "
        + NumberText.shortest(range.upperBound)
    ) { range.contains($0) }
  }

  static func real(_ range: Range<Double>) -> Self {
    real(
      "a number from \(NumberText.shortest(range.lowerBound)) to below "
        + NumberText.shortest(range.upperBound)
    ) { range.contains($0) }
  }

  static func real(_ range: PartialRangeFrom<Double>) -> Self {
    real("a number from \(NumberText.shortest(range.lowerBound)) on") { range.contains($0) }
  }

  static var positive: Self { real("a positive number") { $0 > 0 } }
}

extension ValueFormat where Value: RawRepresentable<String> & CaseIterable {
  /// One of an enumeration's names, in any case.
  static var choice: Self {
    let names = Value.allCases.map(\.rawValue)
    let isShort = names.map(\.count).reduce(0, +) < 24
    return .init(
      names.count > 2 ? names.joined(separator: ", ") : names.joined(separator: " or "),
      valueName: isShort ? names.joined(separator: "|") : "name", completion: .words(names)
    ) { text in
      Value.allCases.first { $0.rawValue.lowercased() == text.lowercased() }
    } text: {
      $0.rawValue
    }
  }
}

extension ValueFormat where Value == ClosedRange<Double> {
  /// Two numbers with a comma, the first no greater than the second.
  static func interval(
    _ expected: String, accept: @escaping @Sendable (ClosedRange<Double>) -> Bool
  ) -> Self {
    .init(expected, valueName: "low,high") { text in
      guard let ends = NumberText.list(text), ends.count == 2, ends[0] <= ends[1],
        accept(ends[0]...ends[1])
      else { return nil }
      return ends[0]...ends[1]
    } text: {
      NumberText.text([$0.lowerBound, $0.upperBound])
    }
  }
}

/// Numbers and lists of numbers as texts.
enum NumberText {
  /// Without a fraction where the number is whole.
  static func shortest(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  static func text(_ values: [Double]) -> String {
    values.map(shortest).joined(separator: ",")
  }

  /// Finite numbers with commas; nil where one is not.
  static func list(_ text: String) -> [Double]? {
    let parts = words(text)
    let values = parts.compactMap { Double($0) }
    return values.count == parts.count && values.allSatisfy(\.isFinite) ? values : nil
  }

  /// What the commas separate, without blanks.
  static func words(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
