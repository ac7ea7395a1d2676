/// A JSON file that people or other programs wrote.

import Foundation

enum JSONFile {
  /// Reads a file.
  ///
  /// - Parameter what: it should be, with its article.
  /// - Throws: `DetectionDataError`.
  static func decode<Value: Decodable>(
    _ type: Value.Type, path: String, what: String
  ) throws(DetectionDataError) -> Value {
    let data = try contents(of: path)
    do { return try JSONDecoder().decode(type, from: data) } catch {
      if let reason = mismatch(error) {
        throw .damaged(path: path, line: nil, reason: "this is not \(what)\(reason)")
      }
      if let (word, line) = foreignWord(in: data) {
        throw .damaged(
          path: path, line: line,
          reason: "JSON has no value \(word): write a finite number, or remove the object")
      }
      throw .damaged(path: path, line: nil, reason: "this is no whole JSON file: copy it again")
    }
  }

  /// What JSON has in place of something else; nil: it is no JSON.
  private static func mismatch(_ error: any Error) -> String? {
    func place(_ context: DecodingError.Context) -> String {
      let place = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        .joined(separator: ".")
      return place.isEmpty ? "it" : place
    }
    return switch error {
    case DecodingError.keyNotFound(let key, let context):
      ": \(place(context)) has no \(key.stringValue)"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      ": \(place(context)) has another type"
    default: nil
    }
  }

  /// The first word outside of texts that is no value of JSON, such as Python's NaN, and its line.
  private static func foreignWord(in data: Data) -> (word: String, line: Int)? {
    let (quote, backslash, newline) = (UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "\n"))
    var (line, isText, isEscaped) = (1, false, false)
    var word: [UInt8] = []
    func isPartOfWord(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    for byte in data {
      if isText {
        if isEscaped {
          isEscaped = false
        } else if byte == backslash {
          isEscaped = true
        } else if byte == quote {
          isText = false
        }
      } else if isPartOfWord(byte) {
        // No value that is read is longer.
        if word.count < 64 { word.append(byte) }
      } else {
        let text = String(decoding: word, as: UTF8.self)
        if !word.isEmpty, !["true", "false", "null"].contains(text),
          Double(text)?.isFinite != true
        {
          return (text, line)
        }
        word = []
        isText = byte == quote
      }
      if byte == newline { line += 1 }
    }
    return nil
  }
}
