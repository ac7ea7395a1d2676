/// JPEG and PNG files in tar archives, as WebDataset names them or sorted into class folders.

import Foundation
import Tensors

/// The images of some tar files. A sample is `KEY.jpg` (`.jpeg`, `.png`) beside `KEY.cls`, which
/// holds its class's number, or, where no archive holds a `.cls`, a file whose folder is its class.
///
/// Archives are gone through once, at the start, for their headers alone; after that every image is
/// read where it is. So a sample has a number, training visits each exactly once an epoch, and every
/// rank reads its own images and no others.
public struct TarShards: ImageSource {
  public let name: String
  public let classNames: [String]
  public let fingerprint: String
  public let storageRuns: [Range<Int>]
  public let hasNumberedClasses: Bool
  public var imageShape: ImageShape? { nil }
  private let shards: [String]
  private let samples: [Sample]
  private let decoding: ImageDecoding

  /// A larger number in a `.cls` is taken for damage: there is a name for each class.
  private static let maximumClasses: Int32 = 1 << 20

  private struct Sample {
    let path: String
    let shard: Int32
    var label: Int32
    let offset: Int
    let size: Int
  }

  /// - Parameters:
  ///   - pattern: tar files (braces and wildcards are expanded), or the folder that holds them.
  ///   - classNames: of the training images, for others; nil: those that are found.
  ///   - decoding: how image files are decoded.
  /// - Throws: `DatasetError`; a damaged image only when it is read.
  public init(
    _ pattern: String, split: DatasetSplit, classNames: [String]? = nil,
    decoding: ImageDecoding = ImageDecoding()
  ) throws {
    self.decoding = decoding
    shards = try ShardPattern.files(pattern, split: split)
    let indices = try shards.map { try TarIndex($0) { $0.hasSuffix(".cls") } }
    let isNumbered = indices.contains { !$0.contents.isEmpty }
    var samples: [Sample] = []
    var runs: [Range<Int>] = []
    var folders: [String] = []
    for (shard, index) in indices.enumerated() {
      let start = samples.count
      let numbers = isNumbered ? try Self.labels(index) : [:]
      for member in index.members where ImageFiles.isImage(member.path) {
        let label: Int32
        if isNumbered {
          guard let number = numbers[Self.key(member.path)] else {
            throw DatasetError.unlabelled(archive: index.path, member: member.path)
          }
          label = number
        } else {
          guard let folder = Self.folder(member.path) else {
            throw DatasetError.unlabelled(archive: index.path, member: member.path)
          }
          folders.append(folder)
          label = 0
        }
        samples.append(
          Sample(
            path: member.path, shard: Int32(shard), label: label, offset: member.offset,
            size: member.size))
      }
      if samples.count > start { runs.append(start..<samples.count) }
    }
    guard !samples.isEmpty else { throw DatasetError.noImages(path: pattern) }
    let largest = samples.map(\.label).max() ?? 0
    let found =
      isNumbered
      ? (0...Int(largest)).map(String.init)
      : Set(folders).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let names = classNames ?? found
    if isNumbered {
      if let position = samples.firstIndex(where: { $0.label >= names.count }) {
        let sample = samples[position]
        throw DatasetError.labelOutOfRange(
          path: shards[Int(sample.shard)] + "/" + sample.path, index: position,
          label: Int(sample.label), classes: names.count)
      }
    } else {
      let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
      for position in samples.indices {
        guard let number = numbers[folders[position]] else {
          throw DatasetError.unknownClass(
            name: folders[position], path: shards[Int(samples[position].shard)])
        }
        samples[position].label = number
      }
    }
    (self.samples, self.classNames, storageRuns, hasNumberedClasses) =
      (samples, names, runs, isNumbered)
    name =
      "\(shards.count.grouped) tar file\(shards.count == 1 ? "" : "s"), "
      + "\(split.describe(count: samples.count)) in \(pattern)"
    fingerprint = Self.fingerprint(shards, samples)
  }

  private static func fingerprint(_ shards: [String], _ samples: [Sample]) -> String {
    var fingerprint = Fingerprint()
    fingerprint.add("tar shards")
    for shard in shards { fingerprint.add((shard as NSString).lastPathComponent) }
    for sample in samples {
      fingerprint.add(sample.path)
      for number in [Int(sample.shard), Int(sample.label), sample.offset, sample.size] {
        fingerprint.add(number)
      }
    }
    return fingerprint.hexadecimal()
  }

  /// The numbers in the `.cls` files, by key.
  private static func labels(_ index: TarIndex) throws -> [String: Int32] {
    var labels: [String: Int32] = [:]
    for (position, content) in index.contents {
      let member = index.members[position]
      let text = String(decoding: content, as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      guard let label = Int32(text), (0..<maximumClasses).contains(label) else {
        throw DatasetError.wrongFormat(
          path: index.path + "/" + member.path,
          expected: "a class's number below \(maximumClasses.grouped)", found: "'\(text)'")
      }
      labels[key(member.path)] = label
    }
    return labels
  }

  /// A path up to the first dot of its last part, as WebDataset has it.
  private static func key(_ path: String) -> String {
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    return String(path[..<(path[start...].firstIndex(of: ".") ?? path.endIndex)])
  }

  /// The folder that a file is in.
  private static func folder(_ path: String) -> String? {
    let parts = path.split(separator: "/").filter { $0 != "." }
    return parts.count > 1 ? String(parts[parts.count - 2]) : nil
  }

  public var count: Int { samples.count }

  public func label(at index: Int) -> Int { Int(samples[index].label) }

  public func file(at index: Int) -> ImageFile? {
    let sample = samples[index]
    let path = shards[Int(sample.shard)]
    return ImageFile(
      name: (path as NSString).lastPathComponent + "/" + sample.path, path: path,
      range: sample.offset..<sample.offset + sample.size)
  }

  public func shortName(at index: Int) -> String { imageName(at: index) }

  public func imageName(at index: Int) -> String {
    shards[Int(samples[index].shard)] + "/" + samples[index].path
  }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    let sample = samples[index]
    let bytes = try fileBytes(
      at: shards[Int(sample.shard)], range: sample.offset..<sample.offset + sample.size)
    try ImageDecoder.decode(
      bytes, path: imageName(at: index), into: &image, decoding, divisor: divisor)
  }
}
