/// The labels of ILSVRC2012's validation images, which its devkit keeps (Russakovsky et al. 2015).

import Foundation

/// `ILSVRC2012_devkit_t12`: which WordNet ids the images `ILSVRC2012_val_00000001.JPEG`, … have.
public struct ILSVRCDevkit: Sendable {
  /// For each validation image, from 1 on, its class's WordNet id, such as `n01440764`.
  public let validation: [String]
  /// The classes' WordNet ids in the order of the devkit's numbers.
  public let classes: [String]

  private static let folderName = "ILSVRC2012_devkit_t12"
  private static let meta = "data/meta.mat"
  private static let truth = "data/ILSVRC2012_validation_ground_truth.txt"

  /// The devkit in one of the places where it is usually unpacked: beside the images or above them.
  public static func folder(near images: String) -> String? {
    [images, images + "/..", images + "/../.."].flatMap { ["\($0)/\(folderName)", $0] }
      .first { FileManager.default.fileExists(atPath: "\($0)/\(meta)") }
  }

  /// - Parameter folder: the devkit's top folder.
  /// - Throws: `DatasetError`.
  public init(folder: String) throws {
    let path = "\(folder)/\(Self.meta)"
    let ids = try Self.wordNetIDs(fileBytes(at: path), path: path)
    classes = ids.sorted { $0.key < $1.key }.map(\.value)
    let truth = "\(folder)/\(Self.truth)"
    let text = String(decoding: try fileBytes(at: truth, limit: 1 << 24), as: UTF8.self)
    validation = try text.split(whereSeparator: \.isNewline).enumerated().map { line, word in
      let word = word.trimmingCharacters(in: .whitespaces)
      guard let number = Int(word), let id = ids[number] else {
        throw DatasetError.wrongFormat(
          path: truth, expected: "a class number of \(path) on each line",
          found: "line \(line + 1) is '\(word)'")
      }
      return id
    }
  }

  /// The classes' WordNet ids by their numbers; inner nodes of the hierarchy are no classes.
  static func wordNetIDs(_ bytes: [UInt8], path: String) throws -> [Int: String] {
    func failure(_ found: String) -> DatasetError {
      .wrongFormat(path: path, expected: "the devkit's table of synsets", found: found)
    }
    let variables: [String: MATValue]
    do { variables = try MATFile.variables(bytes) } catch let error as MATError {
      throw failure(error.reason)
    }
    guard case .structs(let synsets)? = variables["synsets"] else {
      throw failure("it has no struct array 'synsets'")
    }
    var ids: [Int: String] = [:]
    for synset in synsets {
      guard case .numbers(let number)? = synset["ILSVRC2012_ID"], number.count == 1,
        let index = Int(exactly: number[0]), case .text(let id)? = synset["WNID"],
        case .numbers(let children)? = synset["num_children"], children.count == 1
      else { throw failure("a synset has no ILSVRC2012_ID, WNID or num_children") }
      if children[0] == 0 { ids[index] = id }
    }
    guard !ids.isEmpty else { throw failure("it has no synset without children") }
    return ids
  }
}
