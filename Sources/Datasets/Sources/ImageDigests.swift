/// What image files hold, in little: enough to notice that one was replaced, and to say which.

import Glibc

/// An image's file, or its part of one.
public struct ImageFile: Sendable {
  /// In the data set, wherever that is.
  public let name: String
  public let path: String
  /// The image's bytes in the file at `path`.
  public let range: Range<Int>

  public init(name: String, path: String, range: Range<Int>) {
    (self.name, self.path, self.range) = (name, path, range)
  }

  /// A file that holds an image and nothing else; one that is not there has no bytes.
  public init(name: String, path: String) {
    var status = stat()
    let size = stat(path, &status) == 0 ? Int(status.st_size) : 0
    self.init(name: name, path: path, range: 0..<size)
  }

  var bytes: [UInt8] {
    get throws { range.isEmpty ? [] : try fileBytes(at: path, range: range) }
  }
}

/// Digests over names, sizes and contents of neighbouring images.
///
/// Every name is in a digest, and every size but those of very many files. Of the contents, all are where the files are
/// small together, else those of images taken evenly.
public struct ImageDigests: Codable, Equatable, Sendable {
  /// Bytes of files that are read as a whole: they are read soon in any case.
  private static let allBytes = 64 << 20
  /// Images at most whose contents are read of more.
  private static let samples = 256
  /// Digests at most.
  private static let limit = 1024

  public let images: Int
  /// Of all images' files.
  public let bytes: Int
  /// Images that share a digest.
  private let span: Int
  /// 32 bits each, in hexadecimal digits.
  private let digests: [String]

  /// Reads files; nil where the source's fingerprint does alone.
  public init?(_ source: some ImageSource) {
    guard source.count > 0, source.file(at: 0) != nil else { return nil }
    self.init(count: source.count) { source.file(at: $0)! }
  }

  /// Reads files that hold an image each.
  ///
  /// - Parameter limit: files whose sizes are taken; of more, only those of the images whose contents are read, because
  ///   network file systems take their time to tell.
  public init(files: [(name: String, path: String)], limit: Int = 20_000) {
    let interval = files.count <= limit ? 1 : Self.interval(files.count)
    let known = files.enumerated().map { index, file in
      index % interval == 0
        ? ImageFile(name: file.name, path: file.path)
        : ImageFile(name: file.name, path: file.path, range: 0..<0)
    }
    self.init(count: known.count) { known[$0] }
  }

  /// Images from one whose contents are read to the next.
  private static func interval(_ count: Int) -> Int { (count + samples - 1) / samples }

  /// Asks for each file twice.
  public init(count: Int, file: (Int) -> ImageFile) {
    images = count
    let bytes = (0..<count).reduce(0) { $0 + file($1).range.count }
    self.bytes = bytes
    var span = 1
    while (count + span - 1) / span > Self.limit { span *= 2 }
    self.span = span
    let interval = bytes <= Self.allBytes ? 1 : Self.interval(count)
    digests = stride(from: 0, to: count, by: span).map { first in
      var fingerprint = Fingerprint()
      for index in first..<min(first + span, count) {
        let file = file(index)
        fingerprint.add(file.name)
        fingerprint.add(file.range.count)
        // One that cannot be read is told when training comes to it.
        if index % interval == 0 { fingerprint.add((try? file.bytes) ?? []) }
      }
      return String(fingerprint.hexadecimal().prefix(8))
    }
  }

  /// Which of these images are not those of `other`, or have others before them: the first that have, as far as
  /// digests tell. Nil where the images are the same; empty where only later ones are missing, or nothing tells.
  public func firstDifference(from other: ImageDigests) -> Range<Int>? {
    if self == other { return nil }
    guard span == other.span else { return 0..<0 }
    let same = zip(digests, other.digests).prefix { $0 == $1 }.count
    return min(same * span, images)..<min((same + 1) * span, images)
  }
}
