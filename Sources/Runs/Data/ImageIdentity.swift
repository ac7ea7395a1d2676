/// What a run's images are, so that other ranks and resumed runs notice when theirs are others.

import Datasets
import DetectionData
import Distributed
import Foundation
import MPI

struct ImageIdentity {
  let fingerprint: String
  /// Nil where the fingerprint does alone.
  let digests: ImageDigests?
  /// What an image is called.
  private let name: (Int) -> String

  /// Reads files.
  init(_ source: any ImageSource) {
    fingerprint = source.fingerprint
    digests = ImageDigests(source)
    name = source.imageName(at:)
  }

  /// Reads files.
  init(_ dataset: DetectionDataset) {
    fingerprint = dataset.fingerprint
    let images = dataset.images
    digests = ImageDigests(files: images.map { (name: $0.name, path: $0.path) })
    name = { images[$0].path }
  }

  /// What differs between these images and others, in words; nil: nothing does, or only the fingerprint tells.
  ///
  /// - Parameters:
  ///   - there: where or when the others are.
  ///   - here: where or when these are.
  func difference(from other: ImageDigests?, _ there: String, _ here: String) -> String? {
    guard let digests, let other, let first = digests.firstDifference(from: other) else {
      return nil
    }
    var parts: [String] = []
    if let last = first.last {
      parts.append(
        first.count == 1
          ? "the first that differs is \(name(last))"
          : "the first that differs is between \(name(first.lowerBound)) and \(name(last))")
    }
    if (digests.images, digests.bytes) != (other.images, other.bytes) {
      parts.append(
        "\(other.images.grouped) images of \(other.bytes.grouped) bytes \(there), "
          + "\(digests.images.grouped) of \(digests.bytes.grouped) \(here)")
    }
    return parts.isEmpty ? "names or contents" : parts.joined(separator: "; ")
  }
}

/// Ranks see different images.
struct ImagesDiffer: UsageError, CustomStringConvertible {
  /// Of `training` or `test`.
  let what: String
  let rank: Int
  let hosts: String
  let difference: String

  var description: String {
    "\(what) images of rank \(rank) are not those of rank 0\(hosts): \(difference). Give all hosts the same "
      + "files, by the same path"
  }
}

/// The images are not those that the checkpoint was trained with.
struct ImagesChanged: UsageError, CustomStringConvertible {
  let difference: String

  var description: String {
    "the training images are not those that the checkpoint was trained with: \(difference). Resume with the same "
      + "images, or start a new run with --weights"
  }
}

extension ProcessGroup {
  private struct First: Codable {
    let digests: ImageDigests?
    let host: String
  }

  /// Checks that all ranks see the same images. Collective.
  ///
  /// - Parameter what: which images, `training` or `test`.
  /// - Throws: `CollectiveFailure`.
  func agree(on what: String, _ images: ImageIdentity) throws {
    let host = ProcessInfo.processInfo.hostName
    let own = try JSONEncoder().encode(First(digests: images.digests, host: host))
    let text = try control.broadcast(String(decoding: own, as: UTF8.self))
    try together {
      let first = try JSONDecoder().decode(First.self, from: Data(text.utf8))
      let difference = images.difference(from: first.digests, "on rank 0", "on rank \(rank)")
      if let difference {
        let hosts = first.host == host ? "" : " (\(host) and \(first.host))"
        throw ImagesDiffer(what: what, rank: rank, hosts: hosts, difference: difference)
      }
    }
    try agree(on: [("\(what) images", images.fingerprint)])
  }
}
