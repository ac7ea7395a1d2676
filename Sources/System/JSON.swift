/// JSON text whose members stay in the order in which they are written.
///
/// Foundation's encoder sorts members or leaves their order open; people and scripts read these objects
/// from left to right.

import Foundation

/// A JSON value; its description is compact text on one line.
package indirect enum JSON: CustomStringConvertible {
  case null
  case boolean(Bool)
  case integer(Int)
  /// The shortest decimal that reads back to the same value; null where that is not finite.
  case number(Double)
  case string(String)
  case array([JSON])
  case object(KeyValuePairs<String, JSON?>)
  /// An object whose names are not known before the program runs.
  case members([(name: String, value: JSON)])

  /// Null for nil.
  package static func optional(_ value: Int?) -> JSON { value.map(JSON.integer) ?? .null }
  /// Null for nil.
  package static func optional(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }

  /// Members of an object that are nil are left out.
  package var description: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .string(let text): Self.encoded(text)
    case .array(let elements): "[\(elements.map(\.description).joined(separator: ","))]"
    case .object(let members):
      Self.object(members.compactMap { name, value in value.map { (name, $0) } })
    case .members(let members): Self.object(members)
    }
  }

  private static func object(_ members: [(name: String, value: JSON)]) -> String {
    "{\(members.map { "\(encoded($0.name)):\($0.value)" }.joined(separator: ","))}"
  }

  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return encoder
  }()

  private static func encoded(_ text: String) -> String {
    // A string always encodes.
    String(decoding: try! encoder.encode(text), as: UTF8.self)
  }
}

extension Encodable {
  /// The value as JSON text with members in alphabetical order, their names in snake case.
  package var sortedJSON: String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Results hold strings and finite numbers only, which always encode.
    return String(decoding: try! encoder.encode(self), as: UTF8.self)
  }
}
