/// JSON text that keeps its members' order.

import Foundation
import System
import Testing

@Suite struct JSONTests {
  @Test("members stay in order, those that are nil are left out, and what is not finite is null")
  func members() {
    let object = JSON.object([
      "step": .integer(3), "loss": .number(0.1), "error": .number(0), "rate": .number(.nan),
      "left_out": nil, "model": .optional(nil as String?), "list": .array([.string("a"), .null]),
    ])
    #expect(
      object.description
        == #"{"step":3,"loss":0.1,"error":0.0,"rate":null,"model":null,"list":["a",null]}"#)
  }

  @Test(
    "any text is a valid JSON string that reads back to itself",
    arguments: ["a\"b\\c", "line\nbreak\u{0}\u{1F}", "größe ✓ \u{2028}", "runs/a", ""])
  func escapes(text: String) throws {
    let json = JSON.object([text: .string(text)]).description
    let read = try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
    #expect(read == [text: text])
    #expect(!json.contains("\n"))
  }

  @Test("numbers read back to the same value", arguments: [0.1, 1e-5, 2.5e300, -0.0, 1.0 / 3])
  func numbers(value: Double) throws {
    let json = JSON.array([.number(value)]).description
    #expect(try JSONDecoder().decode([Double].self, from: Data(json.utf8)) == [value])
  }
}
