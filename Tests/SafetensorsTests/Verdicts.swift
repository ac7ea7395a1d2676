/// The verdicts of Python's safetensors package, made by `Oracles/safetensors/make_fixtures.py`.

import Foundation

struct Verdicts: Decodable {
  struct Case: Decodable {
    let name: String
    let base64: String
    /// What the reference read: name to (dtype, shape, bytes in hexadecimal); nil if it refused.
    let tensors: [String: Tensor]?
    /// Why this module refuses what the reference accepts.
    let stricter: String?

    var bytes: [UInt8] { Array(Data(base64Encoded: base64)!) }
  }

  struct Tensor: Decodable, Equatable {
    var dtype: String
    var shape: [Int]
    var bytes: String

    init(dtype: String, shape: [Int], bytes: String) {
      (self.dtype, self.shape, self.bytes) = (dtype, shape, bytes)
    }

    init(from decoder: any Decoder) throws {
      var container = try decoder.unkeyedContainer()
      dtype = try container.decode(String.self)
      // A dimension beyond Int occurs in a file that this module refuses.
      shape = try container.decode([UInt64].self).map { Int(clamping: $0) }
      bytes = try container.decode(String.self)
    }
  }

  struct Mutation: Decodable {
    let edits: [Edit]
    let accepted: Bool
  }

  /// At `offset`, `deleted` bytes are replaced.
  struct Edit: Decodable {
    let offset: Int
    let deleted: Int
    let inserted: [UInt8]

    init(from decoder: any Decoder) throws {
      var container = try decoder.unkeyedContainer()
      offset = try container.decode(Int.self)
      deleted = try container.decode(Int.self)
      if let text = try? container.decode(String.self) {
        inserted = Array(text.utf8)
      } else {
        inserted = try container.decode([UInt8].self)
      }
    }

    func apply(to bytes: inout [UInt8]) {
      let start = min(offset, bytes.count)
      bytes.replaceSubrange(start..<min(start + deleted, bytes.count), with: inserted)
    }
  }

  let cases: [Case]
  let base: String
  let mutations: [Mutation]
  let parametersSHA256: [String: String]

  enum CodingKeys: String, CodingKey {
    case cases, base, mutations
    case parametersSHA256 = "parameters_sha256"
  }

  static let committed: Verdicts = {
    let data = try! Data(contentsOf: URL(filePath: fixture("verdicts.json")))
    return try! JSONDecoder().decode(Verdicts.self, from: data)
  }()
}

/// The path of a committed fixture.
func fixture(_ name: String) -> String {
  Bundle.module.resourcePath! + "/Fixtures/" + name
}
